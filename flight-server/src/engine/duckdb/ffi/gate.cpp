// A result collector that hands each chunk to its reader where it is, instead of copying it into a buffer first.
//
// DuckDB's C API has no result without a copy of it, and of rows of 50 kB a chunk's copy is 100 MB. DuckDB lets a connection
// have a collector of its own; this one calls back for each chunk, on the thread that computed it, and blocks the pipeline
// when the reader has enough. It serves the plans whose rows come in one order, or in any: what DuckDB computes in parallel
// and puts in order by batches goes through DuckDB's own collector, unless it reads too little for more than one thread.

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/execution/operator/helper/physical_result_collector.hpp"
#include "duckdb/execution/operator/scan/physical_table_scan.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/pending_query_result.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/main/stream_query_result.hpp"

#include <atomic>

namespace {

using namespace duckdb;

// Takes rows of a chunk from an offset on, and tells how many it took; fewer than there are when it has enough, a negative
// number when it failed.
typedef int64_t (*take_rows)(void *receiver, duckdb_data_chunk chunk, uint64_t offset);
// Whether the receiver has a batch to be fetched.
typedef bool (*has_batch)(void *receiver);

class Gate {
public:
	Gate(void *receiver, take_rows take, has_batch has_batch) : receiver(receiver), take(take), ready(has_batch) {
	}

	// Takes rows on behalf of a pipeline, which is blocked when not all were taken.
	int64_t Take(DataChunk &chunk, idx_t offset, const InterruptState &pipeline) {
		lock_guard<mutex> guard(lock);
		if (!receiver) {
			return -1;
		}
		auto taken = take(receiver, reinterpret_cast<duckdb_data_chunk>(&chunk), offset);
		if (taken >= 0 && offset + UnsafeNumericCast<idx_t>(taken) < chunk.size()) {
			blocked.push_back(pipeline);
		}
		return taken;
	}

	bool Ready() {
		lock_guard<mutex> guard(lock);
		return receiver && ready(receiver);
	}

	// Lets the blocked pipelines go on.
	void Open() {
		duckdb::vector<InterruptState> pipelines;
		{
			lock_guard<mutex> guard(lock);
			pipelines.swap(blocked);
		}
		for (auto &pipeline : pipelines) {
			pipeline.Callback();
		}
	}

	// From now on the receiver is not touched.
	void Close() {
		lock_guard<mutex> guard(lock);
		receiver = nullptr;
		blocked.clear();
	}

	string error;

private:
	mutex lock;
	void *receiver;
	take_rows take;
	has_batch ready;
	duckdb::vector<InterruptState> blocked;
};

class GateLocalState : public LocalSinkState {
public:
	// How many rows of the current chunk were taken before the pipeline was blocked.
	idx_t taken = 0;
};

class GateCollector : public PhysicalResultCollector {
public:
	GateCollector(PhysicalPlan &plan, PreparedStatementData &data, bool parallel, shared_ptr<Gate> gate)
	    : PhysicalResultCollector(plan, data), parallel(parallel), gate(std::move(gate)) {
	}

	SinkResultType Sink(ExecutionContext &context, DataChunk &chunk, OperatorSinkInput &input) const override {
		auto &local = input.local_state.Cast<GateLocalState>();
		if (local.taken == 0) {
			chunk.Flatten();
		}
		auto taken = gate->Take(chunk, local.taken, input.interrupt_state);
		if (taken < 0) {
			throw InvalidInputException("the reader of the result failed");
		}
		local.taken += UnsafeNumericCast<idx_t>(taken);
		if (local.taken < chunk.size()) {
			return SinkResultType::BLOCKED;
		}
		local.taken = 0;
		return SinkResultType::NEED_MORE_INPUT;
	}

	unique_ptr<LocalSinkState> GetLocalSinkState(ExecutionContext &context) const override {
		return make_uniq<GateLocalState>();
	}

	// The rows are with the reader; the result that DuckDB keeps has none.
	unique_ptr<QueryResult> GetResult(GlobalSinkState &state) const override {
		auto nothing = make_uniq<ColumnDataCollection>(Allocator::DefaultAllocator(), types);
		return make_uniq<MaterializedQueryResult>(statement_type, properties, names, std::move(nothing),
		                                          ClientProperties());
	}

	bool ParallelSink() const override {
		return parallel;
	}

	bool SinkOrderDependent() const override {
		return true;
	}

private:
	bool parallel;
	shared_ptr<Gate> gate;
};

// Whether the rows of a plan come in parallel and are put in order by batches.
bool OrderedByBatches(ClientContext &context, PhysicalOperator &root) {
	return PhysicalPlanGenerator::PreserveInsertionOrder(context, root) &&
	       PhysicalPlanGenerator::UseBatchIndex(context, root);
}

// Whether the last pipeline of a plan scans a table of a single row group at most, which one thread reads anyway.
bool ScansOneRowGroup(ClientContext &context, PhysicalOperator &root) {
	reference<PhysicalOperator> source = root;
	while (!source.get().IsSink() && !source.get().children.empty()) {
		source = source.get().children[0].get();
	}
	if (source.get().type != PhysicalOperatorType::TABLE_SCAN) {
		return false;
	}
	auto &scan = source.get().Cast<PhysicalTableScan>();
	if (!scan.function.cardinality || !scan.bind_data) {
		return false;
	}
	unique_ptr<NodeStatistics> rows;
	// What a transaction has added counts too, so there has to be one.
	context.RunFunctionInTransaction([&]() { rows = scan.function.cardinality(context, scan.bind_data.get()); }, false);
	return rows && rows->has_max_cardinality && rows->max_cardinality <= DEFAULT_ROW_GROUP_SIZE;
}

} // namespace

struct pintail_gate {
	shared_ptr<Gate> gate;
};

extern "C" {

// Whether a prepared statement's rows can go through a gate without losing DuckDB's parallelism.
bool pintail_gate_fits(duckdb_connection connection, duckdb_prepared_statement statement) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto &prepared = *reinterpret_cast<PreparedStatementWrapper *>(statement)->statement;
		if (!prepared.data || !prepared.data->physical_plan) {
			return false;
		}
		auto &root = prepared.data->physical_plan->Root();
		return !OrderedByBatches(context, root) || ScansOneRowGroup(context, root);
	} catch (...) {
		return false;
	}
}

// Begins a prepared statement, whose rows `receiver` takes. Nothing of it runs before the first call of pintail_gate_run.
// Returns null when there is no memory. When the statement could not be begun, `out_begun` is false and `out_pending` has
// the error.
pintail_gate *pintail_gate_open(duckdb_connection connection, duckdb_prepared_statement statement, void *receiver,
                                take_rows take, has_batch ready, duckdb_pending_result *out_pending,
                                bool *out_begun) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto gate = duckdb::make_shared_ptr<Gate>(receiver, take, ready);
		auto handle = new pintail_gate {gate};
		auto &config = ClientConfig::GetConfig(context);
		config.get_result_collector = [gate](ClientContext &context,
		                                     PreparedStatementData &data) -> unique_ptr<PhysicalOperator> {
			auto &plan = *data.physical_plan;
			auto parallel = !PhysicalPlanGenerator::PreserveInsertionOrder(context, plan.Root());
			return make_uniq<GateCollector>(plan, data, parallel, gate);
		};
		*out_begun = duckdb_pending_prepared(statement, out_pending) == DuckDBSuccess;
		config.get_result_collector = nullptr;
		return handle;
	} catch (...) {
		return nullptr;
	}
}

// Runs the statement until the receiver has a batch (1), all rows were taken (0), its reader has left (2), or it failed (-1).
//
// An interrupt that comes while a task runs here makes the open transaction invalid. One that comes between two tasks does not:
// it ends the tasks of other threads, and the next statement on the connection clears it away.
int32_t pintail_gate_run(pintail_gate *handle, duckdb_connection connection, duckdb_pending_result pending,
                         const std::atomic<bool> *left) {
	auto &gate = *handle->gate;
	try {
		auto &statement = *reinterpret_cast<PendingStatementWrapper *>(pending)->statement;
		while (true) {
			if (left->load()) {
				reinterpret_cast<Connection *>(connection)->context->Interrupt();
				return 2;
			}
			gate.Open();
			if (gate.Ready()) {
				return 1;
			}
			auto state = statement.ExecuteTask();
			if (state == PendingExecutionResult::EXECUTION_ERROR) {
				gate.error = statement.GetError();
				return -1;
			}
			if (gate.Ready()) {
				return 1;
			}
			if (PendingQueryResult::IsResultReady(state)) {
				// Ends the statement, and commits it where it is a transaction of its own.
				auto result = statement.Execute();
				if (!result->HasError()) {
					return 0;
				}
				gate.error = result->GetError();
				return -1;
			}
			if (state == PendingExecutionResult::BLOCKED) {
				gate.Open();
				statement.WaitForTask();
			}
		}
	} catch (std::exception &exception) {
		gate.error = ErrorData(exception).Message();
		return -1;
	}
}

// The message of the failure that pintail_gate_run reported. It lives as long as the gate.
const char *pintail_gate_error(pintail_gate *handle) {
	return handle->gate->error.c_str();
}

// Computes the next chunk of a stream: 0 when it can be fetched, or the stream has ended, 2 when its reader has left, -1 when it
// failed.
int32_t pintail_stream_run(duckdb_result *result, const std::atomic<bool> *left) {
	try {
		auto &data = *reinterpret_cast<DuckDBResultData *>(result->internal_data);
		if (data.result->type != QueryResultType::STREAM_RESULT) {
			return 0;
		}
		auto &stream = data.result->Cast<StreamQueryResult>();
		auto context = stream.context;
		// To run a task of a stream that another statement has ended is a fatal error to DuckDB; to fetch from it is none.
		while (stream.IsOpen()) {
			if (left->load()) {
				context->Interrupt();
				return 2;
			}
			auto state = stream.ExecuteTask();
			if (state == StreamExecutionResult::EXECUTION_ERROR) {
				return -1;
			}
			if (StreamQueryResult::IsChunkReady(state)) {
				return 0;
			}
			if (state == StreamExecutionResult::BLOCKED) {
				stream.WaitForTask();
			}
		}
		return 0;
	} catch (...) {
		// Whoever fetches meets the same failure, and is told of it.
		return 0;
	}
}

// Lets go of the receiver, which is not called after this.
void pintail_gate_close(pintail_gate *handle) {
	handle->gate->Close();
	delete handle;
}
}

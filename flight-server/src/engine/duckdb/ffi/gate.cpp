// A result collector that hands each chunk to its reader where it is, instead of copying it into a buffer first.
//
// DuckDB's C API has no result without a copy of it, and of rows of 50 kB a chunk's copy is 100 MB. DuckDB lets a connection
// have a collector of its own; this one calls back for each chunk, on the thread that computed it, and blocks the pipeline
// when the reader has enough. Rows that DuckDB computes in parallel and that have an order come with the number of their part
// (DuckDB's batch index), by which the reader puts them in order; those without an order come from several threads at a time.

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
#include "dictionary.hpp"
#include "gate.hpp"
#include "idle.hpp"

#include <atomic>
#include <thread>

namespace {

using namespace duckdb;
using pintail::advance_parts;
using pintail::Gate;
using pintail::has_batch;
using pintail::Idle;
using pintail::take_rows;
using pintail::take_rows_of_part;

class GateLocalState : public LocalSinkState {
public:
	// How many rows of the current chunk were taken before the pipeline was blocked.
	idx_t taken = 0;

	// Makes the vectors of a chunk flat, when it comes for the first time.
	void Begin(DataChunk &chunk) {
		if (taken > 0 || !dictionaries.empty()) {
			return;
		}
		for (auto &vector : chunk.data) {
			if (vector.GetVectorType() == VectorType::DICTIONARY_VECTOR) {
				dictionaries.emplace_back(vector);
				if (pintail::FlattenDictionary(dictionaries.back(), chunk.size(), vector)) {
					continue;
				}
			}
			vector.Flatten(chunk.size());
		}
	}

	// Forgets the chunk, all of whose rows were taken.
	void End() {
		taken = 0;
		dictionaries.clear();
	}

private:
	// What holds the strings of the current chunk, among others.
	duckdb::vector<Vector> dictionaries;
};

class GateCollector : public PhysicalResultCollector {
public:
	GateCollector(PhysicalPlan &plan, PreparedStatementData &data, shared_ptr<Gate> gate)
	    : PhysicalResultCollector(plan, data), gate(std::move(gate)) {
	}

	SinkResultType Sink(ExecutionContext &context, DataChunk &chunk, OperatorSinkInput &input) const override {
		auto &local = input.local_state.Cast<GateLocalState>();
		local.Begin(chunk);
		return Taken(local, chunk, gate->Take(chunk, local.taken, input.interrupt_state));
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

	bool SinkOrderDependent() const override {
		return true;
	}

protected:
	// What becomes of the pipeline, of whose chunk so many more rows were taken.
	static SinkResultType Taken(GateLocalState &local, DataChunk &chunk, int64_t taken) {
		if (taken < 0) {
			throw InvalidInputException("the reader of the result failed");
		}
		local.taken += UnsafeNumericCast<idx_t>(taken);
		if (local.taken < chunk.size()) {
			return SinkResultType::BLOCKED;
		}
		local.End();
		return SinkResultType::NEED_MORE_INPUT;
	}

	shared_ptr<Gate> gate;
};

// The same for rows that come in parallel, and have an order.
class PartCollector : public GateCollector {
public:
	PartCollector(PhysicalPlan &plan, PreparedStatementData &data, shared_ptr<Gate> gate)
	    : GateCollector(plan, data, std::move(gate)) {
	}

	bool ParallelSink() const override {
		return true;
	}

	SinkResultType Sink(ExecutionContext &context, DataChunk &chunk, OperatorSinkInput &input) const override {
		auto &local = input.local_state.Cast<GateLocalState>();
		local.Begin(chunk);
		gate->Advance(local.partition_info.min_batch_index.GetIndex());
		auto part = local.partition_info.batch_index.GetIndex();
		auto taken = gate->TakeOfPart(chunk, local.taken, part, input.interrupt_state);
		return Taken(local, chunk, taken);
	}

	// A part of which no row comes here lets the others go on all the same.
	SinkNextBatchType NextBatch(ExecutionContext &context, OperatorSinkNextBatchInput &input) const override {
		gate->Advance(input.local_state.partition_info.min_batch_index.GetIndex());
		return SinkNextBatchType::READY;
	}

	SinkCombineResultType Combine(ExecutionContext &context, OperatorSinkCombineInput &input) const override {
		gate->Advance(input.local_state.partition_info.min_batch_index.GetIndex());
		return SinkCombineResultType::FINISHED;
	}

	OperatorPartitionInfo RequiredPartitionInfo() const override {
		return OperatorPartitionInfo::BatchIndex();
	}
};

// The same for rows that come in parallel, and have no order.
class UnorderedCollector : public GateCollector {
public:
	UnorderedCollector(PhysicalPlan &plan, PreparedStatementData &data, shared_ptr<Gate> gate)
	    : GateCollector(plan, data, std::move(gate)) {
	}

	bool ParallelSink() const override {
		return true;
	}

	bool SinkOrderDependent() const override {
		return false;
	}

	SinkResultType Sink(ExecutionContext &context, DataChunk &chunk, OperatorSinkInput &input) const override {
		auto &local = input.local_state.Cast<GateLocalState>();
		local.Begin(chunk);
		return Taken(local, chunk, gate->TakeOfPart(chunk, local.taken, 0, input.interrupt_state));
	}
};

// Whether the rows of a plan have to come in order.
bool HasOrder(ClientContext &context, PhysicalOperator &root, bool keep_order) {
	if (keep_order) {
		return PhysicalPlanGenerator::PreserveInsertionOrder(context, root);
	}
	return PhysicalPlanGenerator::OrderPreservationRecursive(root) == OrderPreservationType::FIXED_ORDER;
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

// How a prepared statement's rows can go through a gate without losing DuckDB's parallelism: 1 as they come, 2 in parallel by
// parts, 3 in parallel without an order; 0 when it has no plan. Without `keep_order` only what the statement itself orders is in
// order.
int32_t pintail_gate_fits(duckdb_connection connection, duckdb_prepared_statement statement, bool keep_order) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto &prepared = *reinterpret_cast<PreparedStatementWrapper *>(statement)->statement;
		if (!prepared.data || !prepared.data->physical_plan) {
			return 0;
		}
		auto &root = prepared.data->physical_plan->Root();
		if (ScansOneRowGroup(context, root)) {
			return 1;
		}
		if (!HasOrder(context, root, keep_order)) {
			return 3;
		}
		return PhysicalPlanGenerator::UseBatchIndex(context, root) ? 2 : 1;
	} catch (...) {
		return 0;
	}
}

static pintail_gate *Begin(duckdb_connection connection, duckdb_prepared_statement statement, shared_ptr<Gate> gate,
                           get_result_collector_t collector, duckdb_pending_result *out_pending, bool *out_begun) {
	auto handle = new pintail_gate {std::move(gate)};
	auto &config = ClientConfig::GetConfig(*reinterpret_cast<Connection *>(connection)->context);
	config.get_result_collector = std::move(collector);
	*out_begun = duckdb_pending_prepared(statement, out_pending) == DuckDBSuccess;
	config.get_result_collector = nullptr;
	return handle;
}

// Begins a prepared statement, whose rows `receiver` takes as they come. Nothing of it runs before the first call of
// pintail_gate_run. Returns null when there is no memory. When the statement could not be begun, `out_begun` is false and
// `out_pending` has the error.
pintail_gate *pintail_gate_open(duckdb_connection connection, duckdb_prepared_statement statement, void *receiver,
                                take_rows take, has_batch ready, duckdb_pending_result *out_pending,
                                bool *out_begun) {
	try {
		auto gate = duckdb::make_shared_ptr<Gate>(receiver, take, ready);
		auto collector = [gate](ClientContext &context, PreparedStatementData &data) -> unique_ptr<PhysicalOperator> {
			return make_uniq<GateCollector>(*data.physical_plan, data, gate);
		};
		return Begin(connection, statement, gate, collector, out_pending, out_begun);
	} catch (...) {
		return nullptr;
	}
}

// The same with rows that come in parallel: by parts, or without an order.
pintail_gate *pintail_gate_open_parallel(duckdb_connection connection, duckdb_prepared_statement statement,
                                         void *receiver, take_rows_of_part take, advance_parts advance, has_batch ready,
                                         bool by_parts, duckdb_pending_result *out_pending, bool *out_begun) {
	try {
		auto gate = duckdb::make_shared_ptr<Gate>(receiver, take, advance, ready);
		auto collector = [gate, by_parts](ClientContext &context,
		                                  PreparedStatementData &data) -> unique_ptr<PhysicalOperator> {
			if (by_parts) {
				return make_uniq<PartCollector>(*data.physical_plan, data, gate);
			}
			return make_uniq<UnorderedCollector>(*data.physical_plan, data, gate);
		};
		return Begin(connection, statement, gate, collector, out_pending, out_begun);
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
		Idle idle;
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
			if (state != PendingExecutionResult::NO_TASKS_AVAILABLE) {
				idle.End();
				continue;
			}
			auto nap = idle.Next();
			if (nap.count() > 0) {
				gate.WaitUntilReady(nap);
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
		Idle idle;
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
			if (state == StreamExecutionResult::NO_TASKS_AVAILABLE) {
				std::this_thread::sleep_for(idle.Next());
			} else {
				idle.End();
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

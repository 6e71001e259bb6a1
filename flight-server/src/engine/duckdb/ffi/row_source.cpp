// Rows from outside of DuckDB as a table function of the server's own, which a statement reads in parallel while they come.
//
// The table functions of DuckDB's C API have no order (DuckDB's batch index), so that an INSERT that keeps it has one thread, and
// they hold a thread of all sessions while they wait for rows. This one is an operator that blocks its pipeline until it is woken.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/common/exception/binder_exception.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/parallel/task_scheduler.hpp"
#include "duckdb/parser/parsed_data/create_table_function_info.hpp"
#include "duckdb/planner/operator/logical_extension_operator.hpp"

namespace {

using namespace duckdb;

const char *const FUNCTION = "pintail_rows";

// How many threads have a part at a time. One client sends no faster than so many write, and each part is in memory.
const idx_t MOST_THREADS = 8;

// Gives the next part of the rows: 1; 0 when it has not come yet; 2 when all have been given; -1 when it failed.
typedef int32_t (*next_part)(void *feeder, void **part);
// Writes the next rows of a part into a chunk, and tells how many; 0 at its end, -1 when it failed. They are read before the next
// call for that part.
typedef int64_t (*write_rows)(void *part, duckdb_data_chunk chunk);
typedef void (*free_part)(void *part);

class RowSource {
public:
	// Gives the next part and its number. When none has come yet, the task is woken as soon as it has.
	int32_t Next(void **part, idx_t &number, const InterruptState &task) {
		lock_guard<mutex> guard(feeding);
		while (feeder) {
			{
				lock_guard<mutex> waiting_guard(waiting_lock);
				was_woken = false;
			}
			auto found = next(feeder, part);
			if (found == 1) {
				number = parts++;
			}
			if (found != 0 || Wait(task)) {
				return found;
			}
		}
		return -1;
	}

	// Never waits for a feeder: feeders wake from within their own calls too, when rows come just then.
	void Wake() {
		duckdb::vector<InterruptState> tasks;
		{
			lock_guard<mutex> guard(waiting_lock);
			was_woken = true;
			tasks.swap(waiting);
		}
		for (auto &task : tasks) {
			task.Callback();
		}
	}

	// From now on the feeder is not touched.
	void Close() {
		lock_guard<mutex> guard(feeding);
		feeder = nullptr;
		lock_guard<mutex> waiting_guard(waiting_lock);
		waiting.clear();
	}

	duckdb::vector<LogicalType> types;
	duckdb::vector<string> names;
	void *feeder = nullptr;
	next_part next = nullptr;
	write_rows write = nullptr;
	free_part free = nullptr;

private:
	// Makes the task one of those to be woken, unless that was to happen since the feeder was asked.
	bool Wait(const InterruptState &task) {
		lock_guard<mutex> guard(waiting_lock);
		if (!was_woken) {
			waiting.push_back(task);
		}
		return !was_woken;
	}

	// Held while the feeder is asked; taken before the other.
	mutex feeding;
	idx_t parts = 0;
	// Of what follows. Held for moments, and never while others are called.
	mutex waiting_lock;
	bool was_woken = false;
	duckdb::vector<InterruptState> waiting;
};

// What a connection is told by that rows come to it.
class RowSourceState : public ClientContextState {
public:
	explicit RowSourceState(shared_ptr<RowSource> source) : source(std::move(source)) {
	}

	shared_ptr<RowSource> source;
};

class GlobalRowState : public GlobalSourceState {
public:
	explicit GlobalRowState(ClientContext &context)
	    : threads(MinValue(UnsafeNumericCast<idx_t>(TaskScheduler::GetScheduler(context).NumberOfThreads()), MOST_THREADS)) {
	}

	idx_t MaxThreads() override {
		return threads;
	}

private:
	idx_t threads;
};

// The part that a thread is at.
class LocalRowState : public LocalSourceState {
public:
	explicit LocalRowState(RowSource &source) : free(source.free) {
	}

	~LocalRowState() override {
		Drop();
	}

	void Drop() {
		if (part) {
			free(part);
			part = nullptr;
		}
	}

	void *part = nullptr;
	idx_t number = 0;

private:
	free_part free;
};

class PhysicalRowSource : public PhysicalOperator {
public:
	PhysicalRowSource(PhysicalPlan &plan, shared_ptr<RowSource> source, idx_t estimated_cardinality)
	    : PhysicalOperator(plan, PhysicalOperatorType::EXTENSION, source->types, estimated_cardinality),
	      source(std::move(source)) {
	}

	string GetName() const override {
		return FUNCTION;
	}

	bool IsSource() const override {
		return true;
	}

	bool ParallelSource() const override {
		return true;
	}

	bool SupportsPartitioning(const OperatorPartitionInfo &info) const override {
		return !info.RequiresPartitionColumns();
	}

	unique_ptr<GlobalSourceState> GetGlobalSourceState(ClientContext &context) const override {
		return make_uniq<GlobalRowState>(context);
	}

	unique_ptr<LocalSourceState> GetLocalSourceState(ExecutionContext &context,
	                                                 GlobalSourceState &state) const override {
		return make_uniq<LocalRowState>(*source);
	}

	OperatorPartitionData GetPartitionData(ExecutionContext &context, DataChunk &chunk, GlobalSourceState &state,
	                                       LocalSourceState &local, const OperatorPartitionInfo &info) const override {
		return OperatorPartitionData(local.Cast<LocalRowState>().number);
	}

protected:
	SourceResultType GetDataInternal(ExecutionContext &context, DataChunk &chunk,
	                                 OperatorSourceInput &input) const override {
		auto &local = input.local_state.Cast<LocalRowState>();
		while (true) {
			if (local.part) {
				auto written = source->write(local.part, reinterpret_cast<duckdb_data_chunk>(&chunk));
				if (written > 0) {
					chunk.SetCardinality(UnsafeNumericCast<idx_t>(written));
					return SourceResultType::HAVE_MORE_OUTPUT;
				}
				if (written < 0) {
					throw InvalidInputException("the rows could not be written");
				}
				local.Drop();
			}
			switch (source->Next(&local.part, local.number, input.interrupt_state)) {
			case 1:
				break;
			case 0:
				return SourceResultType::BLOCKED;
			case 2:
				return SourceResultType::FINISHED;
			default:
				throw InvalidInputException("the rows could not be read");
			}
		}
	}

private:
	shared_ptr<RowSource> source;
};

class LogicalRowSource : public LogicalExtensionOperator {
public:
	LogicalRowSource(idx_t table_index, shared_ptr<RowSource> source)
	    : table_index(table_index), source(std::move(source)) {
	}

	duckdb::vector<ColumnBinding> GetColumnBindings() override {
		return GenerateColumnBindings(table_index, source->types.size());
	}

	duckdb::vector<idx_t> GetTableIndex() const override {
		return {table_index};
	}

	// Nobody knows how many rows will come. They are said to be worth every thread.
	idx_t EstimateCardinality(ClientContext &context) override {
		return 1000 * DEFAULT_ROW_GROUP_SIZE;
	}

	PhysicalOperator &CreatePlan(ClientContext &context, PhysicalPlanGenerator &planner) override {
		return planner.Make<PhysicalRowSource>(source, EstimateCardinality(context));
	}

	string GetExtensionName() const override {
		return FUNCTION;
	}

protected:
	void ResolveTypes() override {
		types = source->types;
	}

private:
	idx_t table_index;
	shared_ptr<RowSource> source;
};

unique_ptr<LogicalOperator> Bind(ClientContext &context, TableFunctionBindInput &input, idx_t table_index,
                                 duckdb::vector<string> &names) {
	auto state = context.registered_state->Get<RowSourceState>(FUNCTION);
	if (!state) {
		throw BinderException("%s is the server's own function: no rows come to this connection", FUNCTION);
	}
	names = state->source->names;
	return make_uniq<LogicalRowSource>(table_index, state->source);
}

} // namespace

struct pintail_row_source {
	shared_ptr<RowSource> source;
};

extern "C" {

// Makes the function of the instance by which statements read rows. To be called once an instance.
bool pintail_row_source_register(duckdb_connection connection) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		TableFunction function(FUNCTION, {}, nullptr);
		function.bind_operator = Bind;
		CreateTableFunctionInfo info(function);
		info.internal = true;
		context.RunFunctionInTransaction(
		    [&]() { Catalog::GetSystemCatalog(context).CreateTableFunction(context, info); });
		return true;
	} catch (...) {
		return false;
	}
}

// A source that has no rows yet; null when there is no memory. To be destroyed with pintail_row_source_destroy.
pintail_row_source *pintail_row_source_create() {
	try {
		return new pintail_row_source {duckdb::make_shared_ptr<RowSource>()};
	} catch (...) {
		return nullptr;
	}
}

// Makes it what the connection's statements read, with columns of these names and types.
bool pintail_row_source_open(duckdb_connection connection, pintail_row_source *handle, void *feeder, next_part next,
                             write_rows write, free_part free, duckdb_logical_type *types, const char **names,
                             uint64_t count) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto &source = *handle->source;
		for (idx_t column = 0; column < count; column++) {
			source.types.push_back(*reinterpret_cast<LogicalType *>(types[column]));
			source.names.emplace_back(names[column]);
		}
		source.next = next;
		source.write = write;
		source.free = free;
		source.feeder = feeder;
		context.registered_state->Remove(FUNCTION);
		context.registered_state->Insert(FUNCTION, duckdb::make_shared_ptr<RowSourceState>(handle->source));
		return true;
	} catch (...) {
		return false;
	}
}

// Wakes what waits for the next part. Any thread may call it.
void pintail_row_source_wake(pintail_row_source *handle) {
	try {
		handle->source->Wake();
	} catch (...) {
		// Whoever waits looks again by itself.
	}
}

// Ends it: the feeder is not called after this.
void pintail_row_source_close(duckdb_connection connection, pintail_row_source *handle) {
	handle->source->Close();
	reinterpret_cast<Connection *>(connection)->context->registered_state->Remove(FUNCTION);
}

void pintail_row_source_destroy(pintail_row_source *handle) {
	delete handle;
}
}

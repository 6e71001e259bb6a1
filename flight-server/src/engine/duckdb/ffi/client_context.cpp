// What DuckDB's C API can't ask of a connection, or only by statements that its clients could send too.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/execution/operator/scan/physical_table_scan.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database_manager.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/main/valid_checker.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

namespace {

using namespace duckdb;

// Whether all that a plan scans can be scanned as it was planned. DuckDB plans anew whatever is no table of its own; where that
// is Parquet files, which were found and opened a moment ago, it need not. What other functions hold may end with the transaction
// in which they were planned.
bool ScansAsPlanned(const PhysicalOperator &op) {
	if (op.type == PhysicalOperatorType::INOUT_FUNCTION) {
		return false;
	}
	if (op.type == PhysicalOperatorType::TABLE_SCAN) {
		auto &scan = op.Cast<PhysicalTableScan>();
		auto is_parquet = scan.function.name == "parquet_scan" || scan.function.name == "read_parquet";
		if (!is_parquet && scan.bind_data && !scan.bind_data->SupportStatementCache()) {
			return false;
		}
	}
	for (auto &child : op.GetChildren()) {
		if (!ScansAsPlanned(child.get())) {
			return false;
		}
	}
	return true;
}

} // namespace

extern "C" {

// Makes the connection's statements tell how far they are, and never print it.
void pintail_watch_progress(duckdb_connection connection) {
	auto &config = duckdb::ClientConfig::GetConfig(*reinterpret_cast<duckdb::Connection *>(connection)->context);
	config.enable_progress_bar = true;
	config.print_progress_bar = false;
}

// Makes the open transaction one that can only be rolled back. Does nothing when none is open.
void pintail_abort_transaction(duckdb_connection connection, const char *reason) {
	try {
		auto &transaction = reinterpret_cast<duckdb::Connection *>(connection)->context->transaction;
		if (transaction.HasActiveTransaction()) {
			duckdb::ValidChecker::Invalidate(transaction.ActiveTransaction(), reason);
		}
	} catch (...) {
		// There was no transaction to abort.
	}
}

// Whether a transaction is open that statements have not opened for themselves: 0 none, 1 one, 2 one that can only be rolled
// back.
int32_t pintail_transaction_status(duckdb_connection connection) {
	try {
		auto &transaction = reinterpret_cast<duckdb::Connection *>(connection)->context->transaction;
		if (transaction.IsAutoCommit() || !transaction.HasActiveTransaction()) {
			return 0;
		}
		return duckdb::ValidChecker::IsInvalidated(transaction.ActiveTransaction()) ? 2 : 1;
	} catch (...) {
		return 2;
	}
}

// Makes a database the one in which every connection is that has not been told another.
bool pintail_default_database(duckdb_connection connection, const char *name) {
	try {
		auto &context = *reinterpret_cast<duckdb::Connection *>(connection)->context;
		context.RunFunctionInTransaction(
		    [&]() { duckdb::DatabaseManager::Get(context).SetDefaultDatabase(context, name); });
		return true;
	} catch (...) {
		return false;
	}
}

// A number that changes whenever a catalog of DuckDB's own does, or one is attached or detached; 0 when it can't be told. What a
// plan says of views and macros depends on it: DuckDB looks again only at the databases of tables.
uint64_t pintail_catalog_state(duckdb_connection connection) {
	try {
		auto &context = *reinterpret_cast<duckdb::Connection *>(connection)->context;
		duckdb::hash_t state = 1;
		context.RunFunctionInTransaction(
		    [&]() {
			    for (auto &database : duckdb::DatabaseManager::Get(context).GetDatabases(context)) {
				    auto &catalog = database->GetCatalog();
				    if (catalog.IsDuckCatalog()) {
					    auto version = catalog.GetCatalogVersion(context);
					    state = duckdb::CombineHash(state, duckdb::Hash<uint64_t>(database->oid));
					    state = duckdb::CombineHash(state, duckdb::Hash<uint64_t>(version.IsValid() ? version.GetIndex() : 0));
				    }
			    }
		    },
		    false);
		return state;
	} catch (...) {
		return 0;
	}
}

// Lets a statement that was just prepared, and has no parameters, be executed as it was planned, where that is safe. Without it
// a statement that reads files is planned twice: when it is prepared, and when it is executed.
void pintail_keep_plan(duckdb_prepared_statement statement) {
	try {
		auto &data = *reinterpret_cast<duckdb::PreparedStatementWrapper *>(statement)->statement->data;
		if (data.physical_plan && ScansAsPlanned(data.physical_plan->Root())) {
			data.properties.always_require_rebind = false;
		}
	} catch (...) {
		// It is planned again.
	}
}

// Whether a prepared statement without parameters can be executed as it was planned: nothing it was planned with has changed.
bool pintail_is_current(duckdb_connection connection, duckdb_prepared_statement statement) {
	try {
		auto &context = *reinterpret_cast<duckdb::Connection *>(connection)->context;
		auto &prepared = *reinterpret_cast<duckdb::PreparedStatementWrapper *>(statement)->statement;
		auto is_current = false;
		context.RunFunctionInTransaction([&]() { is_current = !prepared.data->RequireRebind(context, nullptr); },
		                                 false);
		return is_current;
	} catch (...) {
		return false;
	}
}

// Whether the open transaction has changed something that outlives the connection.
bool pintail_transaction_changes(duckdb_connection connection) {
	try {
		auto &transaction = reinterpret_cast<duckdb::Connection *>(connection)->context->transaction;
		if (!transaction.HasActiveTransaction()) {
			return false;
		}
		auto changed = transaction.ActiveTransaction().ModifiedDatabase();
		return changed && !changed->IsTemporary();
	} catch (...) {
		return true;
	}
}
}

// What DuckDB's C API can't ask of a connection, or only by statements that its clients could send too.

#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database_manager.hpp"
#include "duckdb/main/valid_checker.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

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

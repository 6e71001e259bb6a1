// What DuckDB's C API can't ask of a connection, or only by statements that its clients could send too.

#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_config.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
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
}

// Functions of extensions that reach beyond this instance, such as those that run SQL on a PostgreSQL server: the connections
// of clients can't call them, while the server's own can, and those that extensions open for themselves.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/table_function_catalog_entry.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "duckdb/main/connection.hpp"

#include <map>
#include <mutex>

namespace {

using namespace duckdb;

const char *const MARK = "pintail_client";

// What a client's connection is told by.
class ClientMark : public ClientContextState {};

// The binders that were replaced, by the names and numbers of arguments of their functions. An extension is loaded once a
// process, so that they are the same in every instance.
std::mutex originals_lock;
std::map<std::pair<string, idx_t>, table_function_bind_t> originals;

unique_ptr<FunctionData> Bind(ClientContext &context, TableFunctionBindInput &input, duckdb::vector<LogicalType> &types,
                              duckdb::vector<string> &names) {
	auto &function = input.table_function;
	if (context.registered_state->Get<ClientMark>(MARK)) {
		throw PermissionException("the function %s is the server's own: it would reach beyond this session", function.name);
	}
	table_function_bind_t original;
	{
		std::lock_guard<std::mutex> guard(originals_lock);
		original = originals.at(std::make_pair(function.name, function.arguments.size()));
	}
	return original(context, input, types, names);
}

} // namespace

extern "C" {

// Makes the connection one of a client.
bool pintail_mark_client(duckdb_connection connection) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		context.registered_state->GetOrCreate<ClientMark>(MARK);
		return true;
	} catch (...) {
		return false;
	}
}

// Keeps a table function from the connections of clients, where there is one of that name. Tells whether that is sure.
bool pintail_keep_from_clients(duckdb_connection connection, const char *name) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		bool kept = true;
		context.RunFunctionInTransaction([&]() {
			auto entry = Catalog::GetSystemCatalog(context).GetEntry<TableFunctionCatalogEntry>(
			    context, DEFAULT_SCHEMA, name, OnEntryNotFound::RETURN_NULL);
			if (!entry) {
				return;
			}
			std::lock_guard<std::mutex> guard(originals_lock);
			for (auto &function : entry->functions.functions) {
				// One that makes its plan before it is bound could not be kept this way.
				if (!function.bind || function.bind_replace || function.bind_operator) {
					kept = false;
				} else if (function.bind != Bind) {
					originals[std::make_pair(function.name, function.arguments.size())] = function.bind;
					function.bind = Bind;
				}
			}
		});
		return kept;
	} catch (...) {
		return false;
	}
}
}

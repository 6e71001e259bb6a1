// What the server's own catalogs need beyond DuckDB's C API: to ask which catalogs a prepared statement reads and changes, and
// to make a view of known columns without looking at what it selects from.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

#include <cstring>

using namespace duckdb;

// What is answered of a prepared statement's properties; `otherwise` when it can't be told.
template <class ANSWER>
static bool Told(duckdb_prepared_statement statement, ANSWER answer, bool otherwise) {
	try {
		return answer(reinterpret_cast<PreparedStatementWrapper *>(statement)->statement->GetStatementProperties());
	} catch (...) {
		return otherwise;
	}
}

// Whether one of these databases has a name that fits.
template <class DATABASES, class FITS>
static bool Any(const DATABASES &databases, FITS fits) {
	for (auto &entry : databases) {
		if (fits(entry.first)) {
			return true;
		}
	}
	return false;
}

extern "C" {

// Whether running a prepared statement would change a catalog. What can't be told is taken for the worst.
bool pintail_statement_changes(duckdb_prepared_statement statement, const char *catalog) {
	auto fits = [&](const string &name) { return StringUtil::CIEquals(name, catalog); };
	return Told(statement, [&](const StatementProperties &of) { return Any(of.modified_databases, fits); }, true);
}

// Whether running a prepared statement would change any catalog but the temporary one, of which DuckDB keeps no account but for
// its sequences. Who asks takes a no for the worst.
bool pintail_statement_changes_any(duckdb_prepared_statement statement) {
	auto fits = [](const string &name) { return !StringUtil::CIEquals(name, TEMP_CATALOG); };
	return Told(statement, [&](const StatementProperties &of) { return Any(of.modified_databases, fits); }, false);
}

// Whether running a prepared statement would read a catalog by its name. What can't be told is taken for the worst.
bool pintail_statement_reads(duckdb_prepared_statement statement, const char *catalog) {
	auto fits = [&](const string &name) { return StringUtil::CIEquals(name, catalog); };
	return Told(statement, [&](const StatementProperties &of) { return Any(of.read_databases, fits); }, true);
}

// Makes a view, in place of the one of that name, in a transaction of its own. What it selects from is not looked at:
// the columns are those told. When it fails, `failure` gets a text for the caller to free, or null for want of memory.
bool pintail_view_put(duckdb_connection connection, const char *catalog, const char *schema, const char *name,
                      const char *select, const char *const *columns, const char *const *types, size_t count,
                      char **failure) {
	string text;
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		context.RunFunctionInTransaction([&]() {
			CreateViewInfo info(catalog, schema, name);
			info.on_conflict = OnCreateConflict::REPLACE_ON_CONFLICT;
			info.query = CreateViewInfo::ParseSelect(select);
			info.sql = StringUtil::Format("CREATE VIEW %s.%s.%s AS %s;", SQLIdentifier(catalog),
			                              SQLIdentifier(schema), SQLIdentifier(name), select);
			for (size_t i = 0; i < count; i++) {
				info.names.push_back(columns[i]);
				info.types.push_back(TransformStringToLogicalType(types[i], context));
			}
			auto &target = Catalog::GetCatalog(context, catalog);
			MetaTransaction::Get(context).ModifyDatabase(
			    target.GetAttached(), DatabaseModificationType(DatabaseModificationType::CREATE_CATALOG_ENTRY));
			target.CreateView(context, info);
		});
		return true;
	} catch (std::exception &exception) {
		text = ErrorData(exception).Message();
	} catch (...) {
		text = "Internal Error: an unknown failure";
	}
	*failure = static_cast<char *>(duckdb_malloc(text.size() + 1));
	if (*failure) {
		memcpy(*failure, text.c_str(), text.size() + 1);
	}
	return false;
}
}

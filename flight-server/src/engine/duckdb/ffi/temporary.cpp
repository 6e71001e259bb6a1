// A connection's temporary objects, each as the statement that makes it anew. DuckDB's functions that list such things look
// through all that every connection sees, and end the result that is being read.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/error_data.hpp"
#include "duckdb/common/extra_type_info.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/create_info.hpp"
#include "duckdb/parser/parsed_data/create_type_info.hpp"

#include <cstring>

using namespace duckdb;

namespace {

// Called with each object's kind, name and statement, none of which ends with a NUL.
typedef void (*Told)(void *to, const char *kind, size_t kind_length, const char *name, size_t name_length, const char *sql,
                     size_t sql_length);

const char *KindOf(CatalogType type) {
	switch (type) {
	case CatalogType::TABLE_ENTRY:
		return "table";
	case CatalogType::VIEW_ENTRY:
		return "view";
	case CatalogType::SEQUENCE_ENTRY:
		return "sequence";
	case CatalogType::TYPE_ENTRY:
		return "type";
	case CatalogType::MACRO_ENTRY:
		return "macro";
	case CatalogType::TABLE_MACRO_ENTRY:
		return "table macro";
	default:
		return nullptr;
	}
}

// The statement that makes an object anew.
string StatementOf(CatalogEntry &entry) {
	auto info = entry.GetInfo();
	info->temporary = true;
	info->on_conflict = OnCreateConflict::ERROR_ON_CONFLICT;
	if (entry.type == CatalogType::TYPE_ENTRY) {
		auto &type = info->Cast<CreateTypeInfo>().type;
		// DuckDB writes the values of an ENUM with their quotes as they are.
		if (type.id() == LogicalTypeId::ENUM) {
			string sql = "CREATE TEMP TYPE " + KeywordHelper::WriteOptionallyQuoted(entry.name) + " AS ENUM (";
			auto &values = EnumType::GetValuesInsertOrder(type);
			for (idx_t index = 0; index < EnumType::GetSize(type); index++) {
				sql += (index ? ", " : "") + KeywordHelper::WriteQuoted(values.GetValue(index).ToString());
			}
			return sql + ")";
		}
	}
	return info->ToString();
}

} // namespace

extern "C" {

// Tells of each of the connection's temporary objects. When it fails, `failure` gets a text for the caller to free, or null for
// want of memory.
bool pintail_temporary_objects(duckdb_connection connection, Told told, void *to, char **failure) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		context.RunFunctionInTransaction([&]() {
			auto &catalog = ClientData::Get(context).temporary_objects->GetCatalog();
			catalog.ScanSchemas(context, [&](SchemaCatalogEntry &schema) {
				for (auto type : {CatalogType::TYPE_ENTRY, CatalogType::SEQUENCE_ENTRY, CatalogType::MACRO_ENTRY,
				                  CatalogType::TABLE_MACRO_ENTRY, CatalogType::TABLE_ENTRY}) {
					schema.Scan(context, type, [&](CatalogEntry &entry) {
						auto kind = KindOf(entry.type);
						if (entry.internal || !kind) {
							return;
						}
						// A table's rows are no part of a statement.
						auto sql = entry.type == CatalogType::TABLE_ENTRY ? string() : StatementOf(entry);
						told(to, kind, strlen(kind), entry.name.data(), entry.name.size(), sql.data(), sql.size());
					});
				}
			});
		});
		return true;
	} catch (std::exception &exception) {
		*failure = strdup(ErrorData(exception).Message().c_str());
	} catch (...) {
		*failure = strdup("the session's temporary objects can't be listed");
	}
	return false;
}
}

// A connection's temporary objects, each as the statement that makes it anew, and the rows of tables. DuckDB's functions that
// list such things look through all that every connection sees, and end the result that is being read.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/index_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/common/serializer/binary_deserializer.hpp"
#include "duckdb/common/serializer/binary_serializer.hpp"
#include "duckdb/common/serializer/memory_stream.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/appender.hpp"
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

// Called with some of a table's bytes; whether more of them are wanted.
typedef bool (*Taken)(void *to, const uint8_t *bytes, size_t length);

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
	case CatalogType::INDEX_ENTRY:
		return "index";
	default:
		return nullptr;
	}
}

// The statement that makes an object anew.
string StatementOf(CatalogEntry &entry) {
	auto info = entry.GetInfo();
	info->temporary = true;
	info->catalog = string();
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

struct Eight {
	uint8_t bytes[sizeof(uint64_t)];
};

Eight Store8(uint64_t number) {
	Eight stored;
	Store<uint64_t>(number, stored.bytes);
	return stored;
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
			// An index goes by the name of its table.
			auto name_of = [](CatalogEntry &entry) {
				return entry.type == CatalogType::INDEX_ENTRY ? entry.Cast<IndexCatalogEntry>().GetTableName() : entry.name;
			};
			catalog.ScanSchemas(context, [&](SchemaCatalogEntry &schema) {
				for (auto type : {CatalogType::TYPE_ENTRY, CatalogType::SEQUENCE_ENTRY, CatalogType::MACRO_ENTRY,
				                  CatalogType::TABLE_MACRO_ENTRY, CatalogType::TABLE_ENTRY, CatalogType::INDEX_ENTRY}) {
					schema.Scan(context, type, [&](CatalogEntry &entry) {
						auto kind = KindOf(entry.type);
						if (entry.internal || !kind) {
							return;
						}
						auto name = name_of(entry);
						auto sql = StatementOf(entry);
						told(to, kind, strlen(kind), name.data(), name.size(), sql.data(), sql.size());
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

// Hands out the rows of a temporary table, chunk by chunk: the length of each in eight bytes, little-endian, and the chunk as
// DuckDB writes it. Stops when no more is wanted, which is no failure. When it fails, `failure` gets a text for the caller to
// free, or null for want of memory.
bool pintail_table_rows(duckdb_connection connection, const char *schema, const char *name, Taken taken, void *to,
                        char **failure) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		string select;
		context.RunFunctionInTransaction([&]() {
			auto &table = Catalog::GetEntry<TableCatalogEntry>(context, TEMP_CATALOG, schema, name);
			// Columns that are computed are no part of what is stored.
			for (auto &column : table.GetColumns().Physical()) {
				select += (select.empty() ? "SELECT " : ", ") + KeywordHelper::WriteQuoted(column.Name(), '"');
			}
		});
		select += " FROM temp." + KeywordHelper::WriteQuoted(schema, '"') + "." + KeywordHelper::WriteQuoted(name, '"');
		auto result = reinterpret_cast<Connection *>(connection)->SendQuery(select);
		if (result->HasError()) {
			result->ThrowError();
		}
		MemoryStream stream;
		while (auto chunk = result->Fetch()) {
			if (chunk->size() == 0) {
				break;
			}
			stream.Rewind();
			BinarySerializer serializer(stream);
			serializer.Begin();
			chunk->Serialize(serializer);
			serializer.End();
			auto length = Store8(stream.GetPosition());
			if (!taken(to, length.bytes, sizeof(length.bytes)) || !taken(to, stream.GetData(), stream.GetPosition())) {
				return true;
			}
		}
		if (result->HasError()) {
			result->ThrowError();
		}
		return true;
	} catch (std::exception &exception) {
		*failure = strdup(ErrorData(exception).Message().c_str());
	} catch (...) {
		*failure = strdup("a temporary table can't be read");
	}
	return false;
}

// Appends rows as `pintail_table_rows` has handed them out to a temporary table, all or none. The bytes are known to be those
// that were written. When it fails, `failure` gets a text for the caller to free, or null for want of memory.
bool pintail_table_fill(duckdb_connection connection, const char *schema, const char *name, const uint8_t *bytes, size_t length,
                        char **failure) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		context.RunFunctionInTransaction([&]() {
			auto &table = Catalog::GetEntry<TableCatalogEntry>(context, TEMP_CATALOG, schema, name);
			InternalAppender appender(context, table);
			size_t at = 0;
			while (at < length) {
				if (length - at < sizeof(uint64_t)) {
					throw IOException("a snapshot of a temporary table is cut off");
				}
				auto size = Load<uint64_t>(bytes + at);
				at += sizeof(uint64_t);
				if (size > length - at) {
					throw IOException("a snapshot of a temporary table is cut off");
				}
				MemoryStream stream(const_cast<data_ptr_t>(bytes + at), size);
				BinaryDeserializer deserializer(stream);
				DataChunk chunk;
				deserializer.Begin();
				chunk.Deserialize(deserializer);
				deserializer.End();
				appender.AppendDataChunk(chunk);
				at += size;
			}
			appender.Close();
		});
		return true;
	} catch (std::exception &exception) {
		*failure = strdup(ErrorData(exception).Message().c_str());
	} catch (...) {
		*failure = strdup("a temporary table can't be filled");
	}
	return false;
}
}

// What DuckDB's C API has no call for when vectors are written: geometries, and values of any type out of a vector.

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/geometry.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/types/vector.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/connection.hpp"

namespace {

using namespace duckdb;

char *Message(std::exception &exception) {
	ErrorData error(exception);
	return strdup((Exception::ExceptionTypeToString(error.Type()) + " Error: " + error.RawMessage()).c_str());
}

} // namespace

extern "C" {

// A chunk of `rows` rows, with room for no more: of wide arrays, room for DuckDB's usual 2048 rows may be gigabytes. Null when
// there is no memory.
duckdb_data_chunk pintail_create_chunk(duckdb_logical_type *types, uint64_t count, uint64_t rows) {
	try {
		duckdb::vector<LogicalType> columns;
		for (idx_t index = 0; index < count; index++) {
			columns.push_back(*reinterpret_cast<LogicalType *>(types[index]));
		}
		auto chunk = make_uniq<DataChunk>();
		chunk->Initialize(Allocator::DefaultAllocator(), columns, MaxValue<idx_t>(rows, 1));
		chunk->SetCardinality(rows);
		return reinterpret_cast<duckdb_data_chunk>(chunk.release());
	} catch (...) {
		return nullptr;
	}
}

// Makes geometries of the well-known binary that a GEOMETRY vector was filled with, whatever its byte order. False when one
// of them is none: the message is then in `error`, for the caller to free with duckdb_free.
bool pintail_wkb_to_geometry(duckdb_vector vector, uint64_t count, char **error) {
	try {
		auto &geometries = *reinterpret_cast<Vector *>(vector);
		auto data = FlatVector::GetData<string_t>(geometries);
		auto &validity = FlatVector::Validity(geometries);
		for (idx_t row = 0; row < count; row++) {
			if (validity.RowIsValid(row)) {
				string_t geometry;
				Geometry::FromBinary(data[row], geometry, geometries, true);
				data[row] = geometry;
			}
		}
		return true;
	} catch (std::exception &exception) {
		*error = Message(exception);
	} catch (...) {
		*error = strdup("Invalid Input Error: a geometry could not be read");
	}
	return false;
}

// The value at `row` of a vector as a value of `type`. Null when it is not one: the message is then in `error`, for the caller
// to free with duckdb_free.
duckdb_value pintail_value_of(duckdb_connection connection, duckdb_vector vector, uint64_t row, duckdb_logical_type type,
                              char **error) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto value = reinterpret_cast<Vector *>(vector)->GetValue(row);
		auto &target = *reinterpret_cast<LogicalType *>(type);
		if (value.type() != target) {
			value = value.CastAs(context, target);
		}
		return reinterpret_cast<duckdb_value>(new Value(std::move(value)));
	} catch (std::exception &exception) {
		*error = Message(exception);
	} catch (...) {
		*error = strdup("Invalid Input Error: a value could not be read");
	}
	return nullptr;
}

// A value as one of `type`; null when it can't be cast to it. Some casts say what they fail by where they are asked to, and give NULL
// for what they can't read; as in a plan, none is asked here.
duckdb_value pintail_cast_value(duckdb_connection connection, duckdb_value value, duckdb_logical_type type) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		Value cast;
		if (reinterpret_cast<Value *>(value)->TryCastAs(context, *reinterpret_cast<LogicalType *>(type), cast, nullptr)) {
			return reinterpret_cast<duckdb_value>(new Value(std::move(cast)));
		}
	} catch (...) {
		// There is no such cast.
	}
	return nullptr;
}

// GEOMETRY of a coordinate reference system.
duckdb_logical_type pintail_geometry_type(const char *crs) {
	try {
		return reinterpret_cast<duckdb_logical_type>(new LogicalType(LogicalType::GEOMETRY(string(crs))));
	} catch (...) {
		return nullptr;
	}
}
}

// VARIANT values as JSON text: DuckDB's C API can't read their vectors, whose layout is DuckDB's own.

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/type_visitor.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/main/capi/capi_internal.hpp"

namespace {

using namespace duckdb;

// The type with JSON in the place of each VARIANT.
LogicalType WithJson(const LogicalType &type) {
	return TypeVisitor::VisitReplace(type, [](const LogicalType &inner) {
		return inner.id() == LogicalTypeId::VARIANT ? LogicalType::JSON() : inner;
	});
}

// DuckDB's cast makes the text `null` of a NULL; here it stays NULL.
void KeepNulls(Vector &source, Vector &json, idx_t count) {
	auto &type = source.GetType();
	if (!TypeVisitor::Contains(type, LogicalTypeId::VARIANT)) {
		return;
	}
	if (type.id() == LogicalTypeId::VARIANT) {
		UnifiedVectorFormat format;
		source.ToUnifiedFormat(count, format);
		for (idx_t row = 0; row < count; row++) {
			if (!format.validity.RowIsValid(format.sel->get_index(row))) {
				FlatVector::SetNull(json, row, true);
			}
		}
		return;
	}
	switch (type.InternalType()) {
	case PhysicalType::LIST:
		KeepNulls(ListVector::GetEntry(source), ListVector::GetEntry(json), ListVector::GetListSize(source));
		break;
	case PhysicalType::ARRAY:
		KeepNulls(ArrayVector::GetEntry(source), ArrayVector::GetEntry(json), count * ArrayType::GetSize(type));
		break;
	case PhysicalType::STRUCT: {
		auto &from = StructVector::GetEntries(source);
		auto &to = StructVector::GetEntries(json);
		for (idx_t index = 0; index < from.size(); index++) {
			KeepNulls(*from[index], *to[index], count);
		}
		break;
	}
	default:
		break;
	}
}

} // namespace

extern "C" {

// The rows of `chunk` with JSON in the place of each VARIANT, as a chunk of the caller's. Null when it failed: the message is
// then in `error`, for the caller to free with duckdb_free.
duckdb_data_chunk pintail_variants_as_json(duckdb_data_chunk chunk, char **error) {
	try {
		auto &source = *reinterpret_cast<DataChunk *>(chunk);
		auto count = source.size();
		duckdb::vector<LogicalType> types;
		for (auto &type : source.GetTypes()) {
			types.push_back(WithJson(type));
		}
		auto result = make_uniq<DataChunk>();
		result->Initialize(Allocator::DefaultAllocator(), types, count);
		for (idx_t column = 0; column < types.size(); column++) {
			auto &from = source.data[column];
			auto &to = result->data[column];
			if (from.GetType() == types[column]) {
				to.Reference(from);
				continue;
			}
			from.Flatten(count);
			VectorOperations::DefaultCast(from, to, count, true);
			to.Flatten(count);
			KeepNulls(from, to, count);
		}
		result->SetCardinality(count);
		return reinterpret_cast<duckdb_data_chunk>(result.release());
	} catch (std::exception &exception) {
		*error = strdup(ErrorData(exception).Message().c_str());
	} catch (...) {
		*error = strdup("a VARIANT could not be read");
	}
	return nullptr;
}
}

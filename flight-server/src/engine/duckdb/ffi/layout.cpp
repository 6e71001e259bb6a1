// How the values of a vector are laid out. The C API tells it by a description of the type, which has to be made and freed for
// each column of each chunk: a twentieth of the processor time of a large result.

#include "duckdb/common/types/vector.hpp"
#include "duckdb/main/capi/capi_internal.hpp"

using namespace duckdb;

extern "C" uint8_t pintail_vector_layout(duckdb_vector vector, uint64_t *out_elements) {
	auto &type = reinterpret_cast<Vector *>(vector)->GetType();
	switch (type.id()) {
	case LogicalTypeId::TIME_TZ:
		// Bits, not a number.
		return static_cast<uint8_t>(PhysicalType::UINT64);
	case LogicalTypeId::SQLNULL:
	case LogicalTypeId::VARIANT:
		return static_cast<uint8_t>(PhysicalType::INVALID);
	case LogicalTypeId::ARRAY:
		*out_elements = ArrayType::GetSize(type);
		break;
	default:
		break;
	}
	return static_cast<uint8_t>(type.InternalType());
}

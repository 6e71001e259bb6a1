#include "dictionary.hpp"

namespace {

using namespace duckdb;

// A value of so many bytes, whatever it means.
template <idx_t SIZE>
struct Value {
	data_t bytes[SIZE];
};

template <idx_t SIZE>
void Gather(const UnifiedVectorFormat &from, idx_t count, data_ptr_t to) {
	auto values = reinterpret_cast<const Value<SIZE> *>(from.data);
	auto gathered = reinterpret_cast<Value<SIZE> *>(to);
	for (idx_t row = 0; row < count; row++) {
		gathered[row] = values[from.sel->get_index(row)];
	}
}

} // namespace

bool pintail::FlattenDictionary(Vector &dictionary, idx_t count, Vector &out) {
	auto type = dictionary.GetType().InternalType();
	if (type != PhysicalType::VARCHAR && !TypeIsConstantSize(type)) {
		return false;
	}
	UnifiedVectorFormat format;
	dictionary.ToUnifiedFormat(count, format);
	Vector flat(dictionary.GetType(), MaxValue<idx_t>(count, STANDARD_VECTOR_SIZE));
	auto to = FlatVector::GetData(flat);
	switch (GetTypeIdSize(type)) {
	case 1:
		Gather<1>(format, count, to);
		break;
	case 2:
		Gather<2>(format, count, to);
		break;
	case 4:
		Gather<4>(format, count, to);
		break;
	case 8:
		Gather<8>(format, count, to);
		break;
	case 16:
		Gather<16>(format, count, to);
		break;
	default:
		return false;
	}
	if (!format.validity.AllValid()) {
		auto &validity = FlatVector::Validity(flat);
		for (idx_t row = 0; row < count; row++) {
			if (!format.validity.RowIsValid(format.sel->get_index(row))) {
				validity.SetInvalid(row);
			}
		}
	}
	out.Reference(flat);
	return true;
}

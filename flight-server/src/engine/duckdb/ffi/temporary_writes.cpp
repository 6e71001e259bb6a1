// Which temporary table a statement changes, by its plan. DuckDB keeps an account of the databases that a statement changes, but
// not for temporary tables.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/catalog/duck_catalog.hpp"
#include "duckdb/common/multi_file/multi_file_states.hpp"
#include "duckdb/execution/operator/persistent/physical_batch_insert.hpp"
#include "duckdb/execution/operator/persistent/physical_delete.hpp"
#include "duckdb/execution/operator/persistent/physical_insert.hpp"
#include "duckdb/execution/operator/persistent/physical_merge_into.hpp"
#include "duckdb/execution/operator/persistent/physical_update.hpp"
#include "duckdb/execution/operator/scan/physical_table_scan.hpp"
#include "duckdb/execution/operator/schema/physical_create_table.hpp"
#include "duckdb/function/table/read_csv.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/prepared_statement_data.hpp"

#include <cstring>

using namespace duckdb;

namespace {

// The temporary tables that a plan writes to, by their names.
class Written {
public:
	explicit Written(ClientContext &context) : context(context) {
	}

	void Gather(PhysicalOperator &root);

	case_insensitive_set_t tables;
	// It may write to others too.
	bool others = false;

private:
	void Add(optional_ptr<TableCatalogEntry> table) {
		if (table && IsTemporary(*table)) {
			tables.insert(table->name);
		}
	}

	void AddMade(optional_ptr<SchemaCatalogEntry> schema, optional_ptr<BoundCreateTableInfo> info) {
		if (schema && info && IsTemporary(*schema)) {
			tables.insert(info->Base().table);
		}
	}

	// Outside of a transaction others may have dropped what the plan writes to by now, and freed its entry: only its address is looked
	// at. The session's own are there.
	bool IsTemporary(InCatalogEntry &entry) {
		if (context.transaction.HasActiveTransaction()) {
			return entry.ParentCatalog().IsTemporaryCatalog();
		}
		auto is_temporary = false;
		auto compare = [&](CatalogEntry &own) { is_temporary |= &own == &entry; };
		ClientData::Get(context).temporary_objects->GetCatalog().Cast<DuckCatalog>().ScanSchemas(
		    [&](SchemaCatalogEntry &schema) {
			    compare(schema);
			    schema.Scan(CatalogType::TABLE_ENTRY, compare);
		    });
		return is_temporary;
	}

	ClientContext &context;
};

// Whether lines that can't be read go to temporary tables.
bool KeepsRejected(const PhysicalTableScan &scan) {
	if (scan.function.name.find("csv") == string::npos) {
		return false;
	}
	auto files = dynamic_cast<MultiFileBindData *>(scan.bind_data.get());
	auto csv = files ? dynamic_cast<BaseCSVData *>(files->bind_data.get()) : nullptr;
	return !csv || csv->options.store_rejects.GetValue();
}

void Written::Gather(PhysicalOperator &root) {
	switch (root.type) {
	case PhysicalOperatorType::INSERT:
	case PhysicalOperatorType::CREATE_TABLE_AS: {
		// Not by Cast, which knows it by the first of its types only; so below.
		auto &insert = static_cast<PhysicalInsert &>(root);
		Add(insert.insert_table);
		AddMade(insert.schema, insert.info.get());
		break;
	}
	case PhysicalOperatorType::BATCH_INSERT:
	case PhysicalOperatorType::BATCH_CREATE_TABLE_AS: {
		auto &insert = static_cast<PhysicalBatchInsert &>(root);
		Add(insert.insert_table);
		AddMade(insert.schema, insert.info.get());
		break;
	}
	case PhysicalOperatorType::CREATE_TABLE: {
		auto &create = root.Cast<PhysicalCreateTable>();
		AddMade(create.schema, create.info.get());
		break;
	}
	case PhysicalOperatorType::DELETE_OPERATOR:
		Add(root.Cast<PhysicalDelete>().tableref);
		break;
	case PhysicalOperatorType::UPDATE:
		Add(root.Cast<PhysicalUpdate>().tableref);
		break;
	case PhysicalOperatorType::MERGE_INTO:
		for (auto &action : root.Cast<PhysicalMergeInto>().actions) {
			if (action->op) {
				Gather(*action->op);
			}
		}
		break;
	case PhysicalOperatorType::TABLE_SCAN:
		others |= KeepsRejected(root.Cast<PhysicalTableScan>());
		break;
	default:
		break;
	}
	for (auto &child : root.GetChildren()) {
		Gather(const_cast<PhysicalOperator &>(child.get()));
	}
}

} // namespace

extern "C" {

// Whether the plan of a prepared statement writes to temporary tables: 0 where it does not, 1 to one of this name, which is for the
// caller to free with duckdb_free, 2 to several, or to some that it does not tell. What only the catalog knows, as what is dropped, is
// not in the plan.
int pintail_written_temporary_table(duckdb_connection connection, duckdb_prepared_statement statement, char **name) {
	try {
		auto &prepared = *reinterpret_cast<PreparedStatementWrapper *>(statement)->statement;
		if (!prepared.data || !prepared.data->physical_plan) {
			// A query is planned when the types of its parameters are known.
			return prepared.data && prepared.data->statement_type == StatementType::SELECT_STATEMENT ? 0 : 2;
		}
		Written written(*reinterpret_cast<Connection *>(connection)->context);
		written.Gather(prepared.data->physical_plan->Root());
		if (written.others || written.tables.size() > 1) {
			return 2;
		}
		if (written.tables.empty()) {
			return 0;
		}
		*name = strdup(written.tables.begin()->c_str());
		return *name ? 1 : 2;
	} catch (...) {
		return 2;
	}
}

} // extern "C"

package clients

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// asked is the answer to a metadata call, whose schema has to be the one that the call for the schema alone gives.
func (s *session) asked(info *flight.FlightInfo, err error, alone *flight.SchemaResult, wrong error) [][]string {
	s.t.Helper()
	succeeds(s.t, err)
	schema, rows := s.rows(info)
	if told := schemaOf(s.t, alone, wrong); !told.Equal(schema) {
		s.t.Fatalf("the schema alone is %s, that of the rows %s", told, schema)
	}
	return rows
}

func drawn(t *testing.T, name string) *session {
	s := open(t)
	s.run("CREATE SCHEMA "+name, "USE "+name,
		"CREATE TABLE airports (country VARCHAR, code VARCHAR, PRIMARY KEY (country, code))",
		"CREATE TABLE flights (id INTEGER PRIMARY KEY, origin VARCHAR, country VARCHAR, miles DECIMAL(9,2) NOT NULL,"+
			" FOREIGN KEY (country, origin) REFERENCES airports (country, code))",
		"CREATE VIEW far AS FROM flights WHERE miles > 1000")
	return s
}

func TestFlightSqlPlacesAreListed(t *testing.T) {
	proves(t, "metadata: catalogs", "metadata: schemas", "metadata: tables", "metadata: filters", "metadata: table types", "metadata: columns")
	s := drawn(t, "go_places")
	catalog := s.query("SELECT current_database()")[0][0]
	info, err := s.GetCatalogs(s.ctx)
	alone, wrong := s.GetCatalogsSchema(s.ctx)
	if found := fmt.Sprint(s.asked(info, err, alone, wrong)); !strings.Contains(found, "["+catalog+"]") {
		t.Fatalf("the catalogs are %s", found)
	}

	pattern := "go_pl_ces"
	info, err = s.GetDBSchemas(s.ctx, &flightsql.GetDBSchemasOpts{Catalog: &catalog, DbSchemaFilterPattern: &pattern})
	alone, wrong = s.GetDBSchemasSchema(s.ctx)
	equal(t, "schemas", "[["+catalog+" go_places]]", s.asked(info, err, alone, wrong))

	options := &flightsql.GetTablesOpts{DbSchemaFilterPattern: &pattern}
	info, err = s.GetTables(s.ctx, options)
	alone, wrong = s.GetTablesSchema(s.ctx, options)
	equal(t, "tables", fmt.Sprintf("[[%[1]s go_places airports BASE TABLE] [%[1]s go_places flights BASE TABLE] [%[1]s go_places far VIEW]]", catalog),
		s.asked(info, err, alone, wrong))

	table := "fl%"
	options = &flightsql.GetTablesOpts{Catalog: &catalog, DbSchemaFilterPattern: &pattern, TableNameFilterPattern: &table,
		TableTypes: []string{"BASE TABLE"}, IncludeSchema: true}
	info, err = s.GetTables(s.ctx, options)
	alone, wrong = s.GetTablesSchema(s.ctx, options)
	equal(t, "one table", 1, len(s.asked(info, err, alone, wrong)))
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	succeeds(t, err)
	defer reader.Release()
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	schema, err := flight.DeserializeSchema(reader.RecordBatch().Column(4).(*array.Binary).Value(0), memory.DefaultAllocator)
	succeeds(t, err)
	equal(t, "columns", "id: int32, origin: utf8, country: utf8, miles: decimal(9, 2)", fields(schema))
	equal(t, "nullability", "false true true false", fmt.Sprint(schema.Field(0).Nullable, schema.Field(1).Nullable, schema.Field(2).Nullable, schema.Field(3).Nullable))

	info, err = s.GetTableTypes(s.ctx)
	alone, wrong = s.GetTableTypesSchema(s.ctx)
	equal(t, "table types", "[[BASE TABLE] [LOCAL TEMPORARY] [VIEW]]", s.asked(info, err, alone, wrong))
}

func TestFlightSqlKeysAreListed(t *testing.T) {
	proves(t, "metadata: primary keys", "metadata: foreign keys")
	s := drawn(t, "go_keys")
	schema := "go_keys"
	airports, flights := flightsql.TableRef{DBSchema: &schema, Table: "airports"}, flightsql.TableRef{DBSchema: &schema, Table: "flights"}
	columns := func(rows [][]string, places ...int) string {
		var found []string
		for _, row := range rows {
			for _, place := range places {
				found = append(found, row[place])
			}
		}
		return strings.Join(found, " ")
	}
	info, err := s.GetPrimaryKeys(s.ctx, airports)
	alone, wrong := s.GetPrimaryKeysSchema(s.ctx)
	equal(t, "primary key", "airports country 1 airports code 2", columns(s.asked(info, err, alone, wrong), 2, 3, 4))
	key := "airports country flights country 1 airports code flights origin 2"
	info, err = s.GetImportedKeys(s.ctx, flights)
	alone, wrong = s.GetImportedKeysSchema(s.ctx)
	equal(t, "imported", key, columns(s.asked(info, err, alone, wrong), 2, 3, 6, 7, 8))
	info, err = s.GetExportedKeys(s.ctx, airports)
	alone, wrong = s.GetExportedKeysSchema(s.ctx)
	equal(t, "exported", key, columns(s.asked(info, err, alone, wrong), 2, 3, 6, 7, 8))
	info, err = s.GetCrossReference(s.ctx, airports, flights)
	alone, wrong = s.GetCrossReferenceSchema(s.ctx)
	equal(t, "crossed", key, columns(s.asked(info, err, alone, wrong), 2, 3, 6, 7, 8))
}

func TestFlightSqlTheServerAndItsTypesAreDescribed(t *testing.T) {
	proves(t, "metadata: server information", "metadata: types")
	lacks(t, "the client has no call for it", "metadata: statistics", "metadata: schema of a table")
	s := open(t)
	info, err := s.GetSqlInfo(s.ctx, []flightsql.SqlInfo{flightsql.SqlInfoFlightSqlServerName, flightsql.SqlInfoFlightSqlServerReadOnly})
	alone, wrong := s.GetSqlInfoSchema(s.ctx)
	rows := fmt.Sprint(s.asked(info, err, alone, wrong))
	if !strings.Contains(rows, "Pintail") || !strings.Contains(rows, "false") {
		t.Fatalf("the server is %s", rows)
	}
	info, err = s.GetSqlInfo(s.ctx, nil)
	succeeds(t, err)
	_, all := s.rows(info)
	if len(all) < 70 {
		t.Fatalf("all that is told are %d facts", len(all))
	}
	info, err = s.GetXdbcTypeInfo(s.ctx, nil)
	alone, wrong = s.GetXdbcTypeInfoSchema(s.ctx)
	if types := s.asked(info, err, alone, wrong); len(types) < 30 {
		t.Fatalf("the types are %v", types)
	}
	code := int32(4)
	info, err = s.GetXdbcTypeInfo(s.ctx, &code)
	succeeds(t, err)
	_, integers := s.rows(info)
	equal(t, "integers", "INTEGER UINTEGER", integers[0][0]+" "+integers[1][0])
}

func TestFlightSqlTablesAreListedAsFlights(t *testing.T) {
	proves(t, "metadata: tables as flights")
	s := open(t)
	stream, err := s.Client.Client.ListFlights(s.ctx, &flight.Criteria{Expression: []byte("airport_")})
	succeeds(t, err)
	found := false
	for info, err := stream.Recv(); err == nil; info, err = stream.Recv() {
		schema, rows := s.rows(info)
		if _, has := schema.FieldsByName("faa"); has {
			found = len(rows) == 1458
		}
	}
	equal(t, "the airports are there", true, found)
}

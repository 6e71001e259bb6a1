package clients

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
)

var people = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

func some(t *testing.T, ids, names string) arrow.RecordBatch {
	batch := values(t, people.Field(0).Type, ids, people.Field(1).Type, names)
	return array.NewRecordBatch(people, batch.Columns(), batch.NumRows())
}

// stream is a reader of batches that may break at its end.
type stream struct {
	array.RecordReader
	broken error
}

func (s stream) Err() error { return errors.Join(s.RecordReader.Err(), s.broken) }

func reader(t *testing.T, broken error, batches ...arrow.RecordBatch) array.RecordReader {
	found, err := array.NewRecordReader(people, batches)
	succeeds(t, err)
	return stream{found, broken}
}

const (
	fail    = flightsql.TableDefinitionOptionsTableExistsOptionFail
	adds    = flightsql.TableDefinitionOptionsTableExistsOptionAppend
	replace = flightsql.TableDefinitionOptionsTableExistsOptionReplace
	create  = flightsql.TableDefinitionOptionsTableNotExistOptionCreate
	missing = flightsql.TableDefinitionOptionsTableNotExistOptionFail
)

func into(table string, absent flightsql.TableDefinitionOptionsTableNotExistOption, present flightsql.TableDefinitionOptionsTableExistsOption) *flightsql.ExecuteIngestOpts {
	return &flightsql.ExecuteIngestOpts{Table: table, TableDefinitionOptions: &flightsql.TableDefinitionOptions{IfNotExist: absent, IfExists: present}}
}

func TestFlightSqlIngestsInEveryMode(t *testing.T) {
	proves(t, "ingest: create", "ingest: append", "ingest: replace", "ingest: create or append", "ingest: temporary table",
		"ingest: catalog and schema", "ingest: stream", "ingest: table")
	lacks(t, "a library of Python", "ingest: pandas")
	s := open(t)
	two := some(t, "[1, 2]", `["Ada", null]`)
	ingest := func(options *flightsql.ExecuteIngestOpts, batches ...arrow.RecordBatch) (int64, error) {
		return s.ExecuteIngest(s.ctx, reader(t, nil, batches...), options)
	}
	for _, step := range []struct {
		name    string
		options *flightsql.ExecuteIngestOpts
		refusal string
		rows    int
	}{
		{"append to nothing", into("go_people", missing, adds), "[42P01]", 0},
		{"create", into("go_people", create, fail), "", 4},
		{"create again", into("go_people", create, fail), "[42P07]", 4},
		{"append", into("go_people", missing, adds), "", 8},
		{"replace", into("go_people", create, replace), "", 4},
		{"create or append", into("go_people", create, adds), "", 8},
	} {
		count, err := ingest(step.options, two, two)
		if step.refusal != "" {
			refused(t, err, step.refusal)
			continue
		}
		succeeds(t, err)
		equal(t, step.name, 4, count)
		equal(t, "rows after "+step.name, [][]int{{step.rows, step.rows / 2}}, s.query("SELECT count(*), count(name) FROM go_people"))
	}

	temporary := into("go_passing", create, fail)
	temporary.Temporary = true
	_, err := ingest(temporary, two)
	succeeds(t, err)
	equal(t, "temporary", "[[temp]]", s.query("SELECT database_name FROM duckdb_tables() WHERE table_name = 'go_passing'"))

	s.run("CREATE SCHEMA go_elsewhere")
	catalog, schema := s.query("SELECT current_database()")[0][0], "go_elsewhere"
	placed := into("placed", create, fail)
	placed.Catalog, placed.Schema = &catalog, &schema
	_, err = ingest(placed, two)
	succeeds(t, err)
	equal(t, "placed", "[[2]]", s.query("SELECT count(*) FROM go_elsewhere.placed"))
}

// The client sends nothing at all, not even the name of the table.
func TestFlightSqlAStreamWithoutRowsAppendsNothing(t *testing.T) {
	proves(t, "ingest: empty stream")
	s := open(t)
	s.run("CREATE TABLE go_nobody (id INTEGER, name VARCHAR)")
	count, err := s.ExecuteIngest(s.ctx, reader(t, nil), into("go_nobody", missing, adds))
	succeeds(t, err)
	equal(t, "none", 0, count)
}

func TestFlightSqlAStreamThatBreaksLeavesNothingBehind(t *testing.T) {
	proves(t, "ingest: stream that breaks")
	s := open(t)
	ctx, cancel := context.WithCancel(s.ctx)
	count, err := s.ExecuteIngest(ctx, reader(t, errors.New("it broke"), some(t, "[1]", `["Ada"]`)), into("go_broken", create, fail))
	refused(t, err, "it broke")
	// The client leaves the call open, for more rows to come.
	cancel()
	equal(t, "count", 0, count)
	refused(t, s.fails("FROM go_broken"), "[42P01]")
}

func TestFlightSqlAnIngestIsPartOfItsTransaction(t *testing.T) {
	proves(t, "ingest: rolled back with its transaction")
	s := open(t)
	begun, err := s.BeginTransaction(s.ctx)
	succeeds(t, err)
	options := into("go_undone", create, fail)
	options.TransactionId = begun.ID()
	_, err = s.ExecuteIngest(s.ctx, reader(t, nil, some(t, "[1]", `["Ada"]`)), options)
	succeeds(t, err)
	succeeds(t, begun.Rollback(s.ctx))
	refused(t, s.fails("FROM go_undone"), "[42P01]")
}

func TestFlightSqlAMillionRowsAreIngested(t *testing.T) {
	proves(t, "ingest: large, in bounded memory")
	s := open(t)
	var batches []arrow.RecordBatch
	numbers, names := array.NewInt32Builder(allocator), array.NewStringBuilder(allocator)
	for from := int32(0); from < 1_000_000; from += 10_000 {
		for i := range int32(10_000) {
			numbers.Append(from + i)
			names.Append("of the many")
		}
		batches = append(batches, array.NewRecordBatch(people, []arrow.Array{numbers.NewArray(), names.NewArray()}, 10_000))
	}
	count, err := s.ExecuteIngest(s.ctx, reader(t, nil, batches...), into("go_many", create, fail))
	succeeds(t, err)
	equal(t, "count", 1_000_000, count)
	equal(t, "rows", "[[1000000 1000000 499999500000]]", s.query("SELECT count(*), count(DISTINCT id), sum(id) FROM go_many"))
}

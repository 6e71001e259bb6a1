package clients

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
)

func TestFlightSqlAQueryGivesItsRowsAndDescribesThem(t *testing.T) {
	proves(t, "statement: rows of a query", "statement: empty result", "statement: columns described",
		"statement: nullability of columns", "statement: schema without a run")
	s := open(t)
	equal(t, "rows", "[[9E Endeavor Air Inc.] [AA American Airlines Inc.]]",
		s.query("SELECT carrier, name FROM airlines ORDER BY carrier LIMIT 2"))
	info, err := s.Execute(s.ctx, "SELECT carrier, 1.5::DECIMAL(9,2) AS d FROM airlines WHERE false")
	succeeds(t, err)
	schema, rows := s.rows(info)
	equal(t, "no row", "[]", rows)
	equal(t, "types", "utf8 decimal(9, 2)", schema.Field(0).Type.String()+" "+schema.Field(1).Type.String())
	described := schema.Field(1).Metadata
	meta := flightsql.ColumnMetadata{Data: &described}
	name, _ := meta.TypeName()
	precision, _ := meta.Precision()
	scale, _ := meta.Scale()
	equal(t, "SQL type", "DECIMAL(9,2) 9 2", name+" "+strconv.Itoa(int(precision))+" "+strconv.Itoa(int(scale)))
	equal(t, "nullable", true, schema.Field(0).Nullable)

	s.run("CREATE SEQUENCE not_run")
	result, err := s.GetExecuteSchema(s.ctx, "SELECT nextval('not_run') AS n")
	equal(t, "schema", "n: int64", fields(schemaOf(t, result, err)))
	equal(t, "it was not run", "[[1]]", s.query("SELECT nextval('not_run')"))
}

func fields(schema *arrow.Schema) string {
	var text string
	for i, field := range schema.Fields() {
		if i > 0 {
			text += ", "
		}
		text += field.Name + ": " + field.Type.String()
	}
	return text
}

func TestFlightSqlChangesAreCountedAndAppliedOnce(t *testing.T) {
	proves(t, "update: count of INSERT, UPDATE, DELETE", "update: count of MERGE", "update: count of a definition",
		"update: applied exactly once", "statement: definition", "update: RETURNING", "statement: several in one text")
	s := open(t)
	equal(t, "definition", 0, s.run("CREATE SEQUENCE go_once", "CREATE TABLE go_once (n INTEGER)"))
	equal(t, "inserted", 2, s.run("INSERT INTO go_once VALUES (nextval('go_once')), (nextval('go_once'))"))
	equal(t, "updated", 2, s.run("UPDATE go_once SET n = n + 10"))
	equal(t, "deleted", 1, s.run("DELETE FROM go_once WHERE n = 11"))
	equal(t, "no statement ran twice", "[[3]]", s.query("SELECT nextval('go_once')"))
	equal(t, "merged", 2, s.run("MERGE INTO go_once USING (VALUES (12), (13)) AS m(n) ON go_once.n = m.n"+
		" WHEN MATCHED THEN UPDATE SET n = 14 WHEN NOT MATCHED THEN INSERT VALUES (m.n)"))
	// By the way of queries too, for those who do not look at their texts.
	info, err := s.Execute(s.ctx, "INSERT INTO go_once VALUES (20), (21) RETURNING n * 10 AS x")
	succeeds(t, err)
	for range 2 {
		_, rows := s.rows(info)
		equal(t, "returned, each time it is fetched", "[[200] [210]]", rows)
	}
	equal(t, "rows", "[[13] [14] [20] [21]]", s.query("SELECT n FROM go_once ORDER BY n"))
	equal(t, "several", "[[5]]", s.query("INSERT INTO go_once VALUES (22); SELECT count(*) FROM go_once"))
}

func TestFlightSqlTheRowsOfATableThatIsMadeAreCounted(t *testing.T) {
	proves(t, "update: count of CREATE TABLE AS")
	equal(t, "made", 3, open(t).run("CREATE TABLE go_made AS FROM range(3)"))
}

func TestFlightSqlTheRowsOfACopyAreCounted(t *testing.T) {
	proves(t, "update: count of COPY")
	s := open(t)
	file := setting(t, "WRITABLE") + "/go.csv"
	equal(t, "copied", 3, s.run("COPY (FROM range(3)) TO '"+file+"'"))
	equal(t, "copied back", 3, s.run("CREATE TABLE go_copied (i BIGINT)", "COPY go_copied FROM '"+file+"'"))
}

func TestFlightSqlAStatementWhoseColumnsAreKnownAfterItHasRun(t *testing.T) {
	proves(t, "statement: schema known only after a run", "prepared: columns known only after a run")
	s := open(t)
	s.run("CREATE TABLE go_pivoted AS FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) t(k, v)")
	equal(t, "rows", "[[4 2]]", s.query("PIVOT go_pivoted ON k USING sum(v)"))
	prepared, err := s.Prepare(s.ctx, "PIVOT go_pivoted ON k USING sum(v)")
	succeeds(t, err)
	info, err := prepared.Execute(s.ctx)
	succeeds(t, err)
	_, rows := s.rows(info)
	equal(t, "rows", "[[4 2]]", rows)
	succeeds(t, prepared.Close(s.ctx))
	_, err = s.GetExecuteSchema(s.ctx, "PIVOT go_pivoted ON k USING sum(v)")
	refused(t, err, "[0A000]")
}

func TestFlightSqlAMillionRowsComeInTheirOrder(t *testing.T) {
	proves(t, "statement: a million rows")
	s := open(t)
	info, err := s.Execute(s.ctx, "SELECT i, 'row ' || i AS t FROM range(1000000) t(i)")
	succeeds(t, err)
	reader, err := s.DoGet(s.ctx, info.Endpoint[0].Ticket)
	succeeds(t, err)
	defer reader.Release()
	count := 0
	for reader.Next() {
		numbers := reader.RecordBatch().Column(0).(*array.Int64)
		names := reader.RecordBatch().Column(1).(*array.String)
		for row := range numbers.Len() {
			if numbers.Value(row) != int64(count) || names.Value(row) != "row "+strconv.Itoa(count) {
				t.Fatalf("row %d is %d %s", count, numbers.Value(row), names.Value(row))
			}
			count++
		}
	}
	succeeds(t, ended(reader.Err()))
	equal(t, "rows", 1_000_000, count)
}

// begin reads the first batch of a query, and leaves the rest to be read; what it also returns closes the result.
func (s *session) begin(sql string) (*flight.Reader, func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	s.t.Cleanup(cancel)
	late := time.AfterFunc(deadline/4, cancel)
	defer late.Stop()
	info, err := s.Execute(ctx, sql)
	succeeds(s.t, err)
	reader, err := s.DoGet(ctx, info.Endpoint[0].Ticket)
	succeeds(s.t, err)
	if !reader.Next() {
		s.t.Fatal(reader.Err())
	}
	// A reader that is released does not end its call.
	return reader, func() {
		cancel()
		reader.Release()
	}
}

func TestFlightSqlAResultIsLeftUnread(t *testing.T) {
	proves(t, "statement: result left unread", "cancel: by closing an unread result")
	lacks(t, "a stream is read as it comes", "statement: fetch size")
	s := open(t)
	for range 10 {
		_, leave := s.begin("SELECT i FROM range(100000000000) t(i)")
		leave()
	}
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
}

func TestFlightSqlTwoResultsAreReadInTurns(t *testing.T) {
	proves(t, "statement: two results read in turns")
	s := open(t)
	up, leaveUp := s.begin("SELECT i FROM range(300000) t(i)")
	defer leaveUp()
	down, leaveDown := s.begin("SELECT -i FROM range(300000) t(i)")
	defer leaveDown()
	rows := 0
	for more := true; more; more = up.Next() && down.Next() {
		one, other := up.RecordBatch().Column(0).(*array.Int64), down.RecordBatch().Column(0).(*array.Int64)
		equal(t, "rows", one.Len(), other.Len())
		equal(t, "first of a batch", [2]int{rows, -rows}, [2]int64{one.Value(0), other.Value(0)})
		rows += one.Len()
	}
	equal(t, "rows", 300_000, rows)
}

func TestFlightSqlUnreadResultsDoNotHoldTheirSession(t *testing.T) {
	s := open(t)
	for range 200 {
		_, leave := s.begin("SELECT i FROM range(1000000) t(i)")
		t.Cleanup(leave)
	}
	equal(t, "goes on", "[[1]]", s.query("SELECT 1"))
}

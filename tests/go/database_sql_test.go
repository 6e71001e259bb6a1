package clients

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "github.com/apache/arrow-go/v18/arrow/flight/flightsql/driver"
)

// database is what Go's programs see: connections that are made and kept as they are needed, by user and password.
func database(t *testing.T) *sql.DB {
	t.Helper()
	user := url.UserPassword(setting(t, "DATABASE_USER"), setting(t, "DATABASE_PASSWORD"))
	found, err := sql.Open("flightsql", "flightsql://"+user.String()+"@"+setting(t, "SERVER"))
	succeeds(t, err)
	t.Cleanup(func() { succeeds(t, found.Close()) })
	return found
}

func scanned(t *testing.T, rows *sql.Rows, err error) [][]any {
	t.Helper()
	succeeds(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	succeeds(t, err)
	var all [][]any
	for rows.Next() {
		row, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			places[i] = &row[i]
		}
		succeeds(t, rows.Scan(places...))
		all = append(all, row)
	}
	succeeds(t, rows.Err())
	return all
}

func execute(t *testing.T, db interface {
	Exec(string, ...any) (sql.Result, error)
}, statement string, arguments ...any) int64 {
	t.Helper()
	result, err := db.Exec(statement, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	count, err := result.RowsAffected()
	succeeds(t, err)
	return count
}

func TestDatabaseSqlConnects(t *testing.T) {
	proves(t, "connect: user and password", "connect: wrong password refused", "connect: session token", "connect: goes on after an error")
	db := database(t)
	succeeds(t, db.Ping())
	rows, err := db.Query("SELECT 42")
	equal(t, "answer", "[[42]]", scanned(t, rows, err))
	wrong, err := sql.Open("flightsql", "flightsql://"+setting(t, "DATABASE_USER")+":wrong@"+setting(t, "SERVER"))
	succeeds(t, err)
	defer wrong.Close()
	_, err = wrong.Query("SELECT 1")
	refused(t, err, "[28P01]")

	s := open(t)
	s.run("SET VARIABLE mark = 'kept'")
	byToken, err := sql.Open("flightsql", "flightsql://"+setting(t, "SERVER")+"?token="+token(s))
	succeeds(t, err)
	defer byToken.Close()
	rows, err = byToken.Query("SELECT getvariable('mark')")
	equal(t, "variable", "[[kept]]", scanned(t, rows, err))

	for range 3 {
		_, err = db.Exec("INSERT INTO no_such_table VALUES (1)")
		refused(t, err, "[42P01]")
		rows, err = db.Query("SELECT 42")
		equal(t, "answer", "[[42]]", scanned(t, rows, err))
	}
}

func TestDatabaseSqlAConnectionIsASession(t *testing.T) {
	proves(t, "connect: two connections are two sessions")
	db := database(t)
	one, err := db.Conn(context.Background())
	succeeds(t, err)
	defer one.Close()
	other, err := db.Conn(context.Background())
	succeeds(t, err)
	defer other.Close()
	_, err = one.ExecContext(context.Background(), "SET VARIABLE mine = 1")
	succeeds(t, err)
	rows, err := one.QueryContext(context.Background(), "SELECT getvariable('mine')")
	equal(t, "mine", "[[1]]", scanned(t, rows, err))
	rows, err = other.QueryContext(context.Background(), "SELECT getvariable('mine')")
	equal(t, "theirs", "[[<nil>]]", scanned(t, rows, err))
}

func TestDatabaseSqlStatements(t *testing.T) {
	proves(t, "statement: rows of a query", "statement: empty result", "statement: definition", "update: count of INSERT, UPDATE, DELETE",
		"update: applied exactly once", "update: count of a definition", "update: RETURNING", "prepared: query", "prepared: update", "prepared: run again with other values")
	db := database(t)
	// database/sql makes int64 of all integers, and the driver sends them for parameters of that type alone.
	equal(t, "definition", 0, execute(t, db, "CREATE TABLE sql_once (i BIGINT, t VARCHAR)"))
	insert, err := db.Prepare("INSERT INTO sql_once VALUES (?, ?)")
	succeeds(t, err)
	for i := range int64(10) {
		result, err := insert.Exec(i, fmt.Sprint("row ", i))
		succeeds(t, err)
		count, err := result.RowsAffected()
		succeeds(t, err)
		equal(t, "inserted", 1, count)
	}
	succeeds(t, insert.Close())
	equal(t, "updated", 5, execute(t, db, "UPDATE sql_once SET i = i + 100 WHERE i < 5"))
	equal(t, "deleted", 1, execute(t, db, "DELETE FROM sql_once WHERE i = ?", int64(100)))
	rows, err := db.Query("SELECT t FROM sql_once WHERE i > ? AND t <> ? ORDER BY i", int64(102), "row 3")
	equal(t, "found", "[[row 4]]", scanned(t, rows, err))
	rows, err = db.Query("SELECT t FROM sql_once WHERE false")
	equal(t, "none", "[]", scanned(t, rows, err))
	rows, err = db.Query("INSERT INTO sql_once VALUES (200, 'back') RETURNING i, t")
	equal(t, "returned", "[[200 back]]", scanned(t, rows, err))
	rows, err = db.Query("SELECT count(*) FROM sql_once")
	equal(t, "rows", "[[10]]", scanned(t, rows, err))
}

func TestDatabaseSqlBindsValues(t *testing.T) {
	proves(t, "parameter: BOOLEAN", "parameter: BIGINT", "parameter: DOUBLE", "parameter: VARCHAR", "parameter: ENUM", "parameter: JSON",
		"parameter: BIT", "parameter: BIGNUM", "parameter: TIME WITH TIME ZONE", "parameter: VARIANT")
	db := database(t)
	for _, bound := range []struct {
		ty, literal string
		value       any
	}{
		{"BOOLEAN", "true", true}, {"BIGINT", "7", int64(7)}, {"DOUBLE", "'0.1'", 0.1}, {"VARCHAR", "'Ankaŭ 🦆'", "Ankaŭ 🦆"},
		{"ENUM('a', 'b')", "'b'", "b"}, {"JSON", `'{"a":1}'`, `{"a":1}`}, {"BIT", "'0101'", "0101"},
		{"BIGNUM", "'12345678901234567890123456789012345678901'", "12345678901234567890123456789012345678901"},
		{"TIME WITH TIME ZONE", "'13:30:00.000001+05:30'", "13:30:00.000001+05:30"}, {"VARIANT", "{'a': 1}", `{"a":1}`},
	} {
		query := "SELECT v IS NOT DISTINCT FROM CAST(" + bound.literal + " AS " + bound.ty + ") FROM (SELECT CAST(? AS " + bound.ty + ") AS v)"
		rows, err := db.Query(query, bound.value)
		if err != nil {
			t.Fatalf("%s: %v", bound.ty, err)
		}
		equal(t, bound.ty, "[[true]]", scanned(t, rows, err))
	}
}

// The driver builds a column of the type that the server describes, and takes for it the Go type of that name alone, of which
// database/sql lets pass int64, float64, bool, string, []byte and time.Time.
func TestDatabaseSqlOfWhatTheDriverDoesNotBind(t *testing.T) {
	lacks(t, "the driver takes no value of database/sql for the Arrow type", "parameter: TINYINT", "parameter: SMALLINT", "parameter: INTEGER",
		"parameter: UTINYINT", "parameter: USMALLINT", "parameter: UINTEGER", "parameter: UBIGINT", "parameter: HUGEINT", "parameter: UHUGEINT",
		"parameter: FLOAT", "parameter: DECIMAL", "parameter: UUID", "parameter: INTERVAL", "parameter: LIST", "parameter: ARRAY",
		"parameter: STRUCT", "parameter: MAP", "parameter: UNION", "parameter: NULL", "prepared: NULL", "parameter: BLOB", "parameter: GEOMETRY",
		"parameter: DATE", "parameter: TIMESTAMP", "parameter: TIMESTAMP_S", "parameter: TIMESTAMP_MS", "parameter: TIMESTAMP_NS",
		"parameter: TIMESTAMP WITH TIME ZONE")
	db := database(t)
	for ty, value := range map[string]any{"TINYINT": 1, "SMALLINT": 1, "INTEGER": 1, "UTINYINT": 1, "USMALLINT": 1, "UINTEGER": 1, "UBIGINT": 1,
		"HUGEINT": "1", "UHUGEINT": "1", "FLOAT": 1.5, "DECIMAL(9,2)": "1.25", "UUID": "ffffffff-1234-5678-9abc-def012345678", "INTERVAL": "1 day",
		"INTEGER[]": "[1]", "INTEGER[1]": "[1]", "STRUCT(a INTEGER)": "{'a': 1}", "MAP(VARCHAR, INTEGER)": "{}", "UNION(a INTEGER)": "1", "VARCHAR": nil, "BLOB": []byte{0}, "GEOMETRY": []byte{0}, "DATE": time.Unix(0, 0), "TIMESTAMP": time.Unix(0, 0),
		"TIMESTAMP_S": time.Unix(0, 0), "TIMESTAMP_MS": time.Unix(0, 0), "TIMESTAMP_NS": time.Unix(0, 0), "TIMESTAMPTZ": time.Unix(0, 0)} {
		_, err := db.Query("SELECT CAST(? AS "+ty+")", value)
		if err == nil {
			t.Fatalf("%s is bound", ty)
		}
		if strings.Contains(err.Error(), "desc = [") {
			t.Fatalf("%s is refused by the server: %v", ty, err)
		}
	}
}

func TestDatabaseSqlReadsValues(t *testing.T) {
	instant := time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC)
	for _, read := range []struct {
		name, literal string
		value         any
	}{
		{"BOOLEAN", "true", true}, {"TINYINT", "(-128)::TINYINT", int8(-128)}, {"SMALLINT", "(-32768)::SMALLINT", int16(-32768)},
		{"INTEGER", "7", int32(7)}, {"BIGINT", "9223372036854775807", int64(9223372036854775807)}, {"FLOAT", "1.5::FLOAT", float32(1.5)},
		{"DOUBLE", "'0.1'::DOUBLE", 0.1}, {"DECIMAL", "1.25::DECIMAL(9,2)", 1.25}, {"VARCHAR", "'Ankaŭ 🦆'", "Ankaŭ 🦆"},
		{"ENUM", "'b'::ENUM('a', 'b')", "b"}, {"JSON", `'{"a":1}'::JSON`, `{"a":1}`}, {"BLOB", `'\x00\xFF'::BLOB`, []byte{0, 255}},
		{"BIT", "'0101'::BIT", "0101"}, {"BIGNUM", "'12345678901234567890'::BIGNUM", "12345678901234567890"},
		{"DATE", "DATE '1969-07-20'", time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC)},
		{"TIME WITH TIME ZONE", "'13:30:00+05:30'::TIMETZ", "13:30:00+05:30"},
		{"TIME", "TIME '20:17:40.000001'", time.Date(1970, 1, 1, 20, 17, 40, 1000, time.UTC)},
		{"TIME_NS", "'20:17:40.000001'::TIME_NS", time.Date(1970, 1, 1, 20, 17, 40, 1000, time.UTC)},
		{"TIMESTAMP", "TIMESTAMP '1969-07-20 20:17:40.000001'", instant},
		{"TIMESTAMP_S", "'1969-07-20 20:17:40'::TIMESTAMP_S", instant.Truncate(time.Second)},
		{"TIMESTAMP_MS", "'1969-07-20 20:17:40'::TIMESTAMP_MS", instant.Truncate(time.Second)},
		{"TIMESTAMP_NS", "'1969-07-20 20:17:40.000001'::TIMESTAMP_NS", instant},
		{"TIMESTAMP WITH TIME ZONE", "'1969-07-20 22:17:40.000001+02'::TIMESTAMPTZ", instant},
		{"VARIANT", "42::VARIANT", "42"},
		{"GEOMETRY", "'POINT(1 2)'::GEOMETRY", []byte("\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\x00@")},
		{"NULL", "NULL", nil},
	} {
		t.Run(read.name, func(t *testing.T) {
			proves(t, "read: "+read.name)
			rows, err := database(t).Query("SELECT " + read.literal + " AS v UNION ALL SELECT NULL ORDER BY 1 NULLS LAST LIMIT 1")
			equal(t, read.name, fmt.Sprintf("%T %v", read.value, read.value), fmt.Sprintf("%T %[1]v", scanned(t, rows, err)[0][0]))
		})
	}
}

func TestDatabaseSqlOfWhatTheDriverDoesNotRead(t *testing.T) {
	reason := "the driver has no Go value for the Arrow type"
	lacks(t, reason, "read: HUGEINT", "read: UHUGEINT")
	lacks(t, reason, "read: UTINYINT", "read: USMALLINT", "read: UINTEGER", "read: UBIGINT", "read: UUID", "read: INTERVAL", "read: LIST", "read: ARRAY", "read: STRUCT", "read: MAP", "read: UNION")
	db := database(t)
	for _, literal := range []string{"255::UTINYINT", "1::USMALLINT", "1::UINTEGER", "1::UBIGINT", "uuid()", "INTERVAL '1 day'", "[1]", "[1]::INTEGER[1]", "{'a': 1}", "MAP {'a': 1}", "union_value(a := 1)"} {
		rows, err := db.Query("SELECT " + literal + " AS v")
		succeeds(t, err)
		if rows.Next() {
			t.Fatalf("%s is read", literal)
		}
		refused(t, rows.Err(), "not supported")
		succeeds(t, rows.Close())
	}
}

func TestDatabaseSqlTransactions(t *testing.T) {
	proves(t, "transaction: commit", "transaction: rollback", "transaction: autocommit", "transaction: not seen by others before its commit")
	db := database(t)
	execute(t, db, "CREATE TABLE sql_settled (i INTEGER)")
	count := func() string {
		rows, err := db.Query("SELECT count(*) FROM sql_settled")
		return fmt.Sprint(scanned(t, rows, err))
	}
	transaction, err := db.Begin()
	succeeds(t, err)
	equal(t, "inserted", 1, execute(t, transaction, "INSERT INTO sql_settled VALUES (1)"))
	rows, err := transaction.Query("SELECT count(*) FROM sql_settled")
	equal(t, "own", "[[1]]", scanned(t, rows, err))
	equal(t, "not committed", "[[0]]", count())
	succeeds(t, transaction.Commit())
	equal(t, "committed", "[[1]]", count())
	transaction, err = db.Begin()
	succeeds(t, err)
	execute(t, transaction, "DELETE FROM sql_settled")
	succeeds(t, transaction.Rollback())
	equal(t, "rolled back", "[[1]]", count())
}

func TestDatabaseSqlAQueryIsCancelled(t *testing.T) {
	proves(t, "cancel: from another thread", "timeout: of the statement")
	db, witness := database(t), open(t)
	execute(t, db, "CREATE SEQUENCE sql_cancelled")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		begun(t, witness, "sql_cancelled")
		cancel()
	}()
	rows, err := db.QueryContext(ctx, moving("sql_cancelled"))
	if err == nil {
		defer rows.Close()
		if rows.Next() {
			t.Fatal("it ended by itself")
		}
		err = rows.Err()
	}
	if err == nil {
		t.Fatal("nothing tells that it was cancelled")
	}
	late, cancelLate := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancelLate()
	rows, err = db.QueryContext(late, endless)
	if err == nil {
		defer rows.Close()
		if rows.Next() {
			t.Fatal("it ended by itself")
		}
		err = rows.Err()
	}
	// Client and server both watch the deadline, and each has its own words for it.
	if err == nil || !(errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "eadline") || strings.Contains(err.Error(), "Timeout expired")) {
		t.Fatalf("the timeout is told as %v", err)
	}
	found, err := db.Query("SELECT 1")
	equal(t, "goes on", "[[1]]", scanned(t, found, err))
}

func TestDatabaseSqlErrors(t *testing.T) {
	proves(t, "error: SQLSTATE", "error: message with its advice")
	db := database(t)
	for query, texts := range map[string][2]string{
		"FROM flihts": {"[42P01]", "flights"}, "SELECT carier FROM flights": {"[42703]", "carrier"}, "SELEC 1": {"[42601]", "SELEC"},
	} {
		_, err := db.Query(query)
		refused(t, err, texts[0])
		refused(t, err, texts[1])
	}
}

func TestDatabaseSqlAMillionRows(t *testing.T) {
	proves(t, "statement: a million rows")
	rows, err := database(t).Query("SELECT i FROM range(1000000) t(i)")
	succeeds(t, err)
	defer rows.Close()
	var count, number int64
	for rows.Next() {
		succeeds(t, rows.Scan(&number))
		if number != count {
			t.Fatalf("row %d is %d", count, number)
		}
		count++
	}
	succeeds(t, rows.Err())
	equal(t, "rows", 1_000_000, count)
}

func TestDatabaseSqlHasNoOtherCalls(t *testing.T) {
	lacks(t, "database/sql has no call for it", "ingest: *", "metadata: *", "session option: *", "poll: *", "partition: *", "exchange: *", "action: *",
		"parameter encoding: *", "cancel: by FlightInfo", "prepared: parameters by name", "prepared: query over many rows", "prepared: update over many rows")
	_, err := database(t).Query("SELECT $name::BIGINT", sql.Named("name", int64(1)))
	succeeds(t, err)
}

package clients

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// sample is a value of an SQL type: its name in the list of capabilities, the type and a literal, and as the client reads
// it, its Arrow type and text.
type sample struct{ name, ty, literal, arrow, text string }

var samples = []sample{
	{"BOOLEAN", "BOOLEAN", "true", "bool", "true"},
	{"TINYINT", "TINYINT", "-128", "int8", "-128"},
	{"SMALLINT", "SMALLINT", "-32768", "int16", "-32768"},
	{"INTEGER", "INTEGER", "-2147483648", "int32", "-2147483648"},
	{"BIGINT", "BIGINT", "9223372036854775807", "int64", "9223372036854775807"},
	{"UTINYINT", "UTINYINT", "255", "uint8", "255"},
	{"USMALLINT", "USMALLINT", "65535", "uint16", "65535"},
	{"UINTEGER", "UINTEGER", "4294967295", "uint32", "4294967295"},
	{"UBIGINT", "UBIGINT", "18446744073709551615", "uint64", "18446744073709551615"},
	{"HUGEINT", "HUGEINT", "-99999999999999999999999999999999999999", "decimal(38, 0)", "-99999999999999999999999999999999999999"},
	{"UHUGEINT", "UHUGEINT", "'340282366920938463463374607431768211455'", "decimal256(39, 0)", "340282366920938463463374607431768211455"},
	{"FLOAT", "FLOAT", "1.5", "float32", "1.5"},
	{"DOUBLE", "DOUBLE", "'0.1'", "float64", "0.1"},
	{"DECIMAL", "DECIMAL(38,10)", "'9999999999999999999999999999.9999999999'", "decimal(38, 10)", "9999999999999999999999999999.9999999999"},
	{"VARCHAR", "VARCHAR", "'Ankaŭ 🦆'", "utf8", "Ankaŭ 🦆"},
	{"ENUM", "ENUM('calm', 'it''s windy')", "'it''s windy'", "utf8", "it's windy"},
	{"JSON", "JSON", `'{"a": [1, null]}'`, "utf8", `{"a": [1, null]}`},
	{"UUID", "UUID", "'ffffffff-1234-5678-9abc-def012345678'", "fixed_size_binary[16]", "/////xI0VniavN7wEjRWeA=="},
	{"BLOB", "BLOB", `'\x00\xFF'`, "binary", "AP8="},
	{"BIT", "BIT", "'0000000001'", "utf8", "0000000001"},
	{"BIGNUM", "BIGNUM", "'123456789012345678901234567890123456789012345678901234567890'", "utf8",
		"123456789012345678901234567890123456789012345678901234567890"},
	{"DATE", "DATE", "'1969-12-31'", "date32", "1969-12-31"},
	{"TIME", "TIME", "'23:59:59.999999'", "time64[us]", "23:59:59.999999"},
	{"TIME_NS", "TIME_NS", "'23:59:59.999999999'", "time64[ns]", "23:59:59.999999999"},
	{"TIME WITH TIME ZONE", "TIME WITH TIME ZONE", "'13:30:00.000001+05:30'", "utf8", "13:30:00.000001+05:30"},
	{"TIMESTAMP", "TIMESTAMP", "'1969-07-20 20:17:40.000001'", "timestamp[us]", "1969-07-20T20:17:40.000001"},
	{"TIMESTAMP_S", "TIMESTAMP_S", "'1969-07-20 20:17:40'", "timestamp[s]", "1969-07-20T20:17:40"},
	{"TIMESTAMP_MS", "TIMESTAMP_MS", "'1969-07-20 20:17:40.123'", "timestamp[ms]", "1969-07-20T20:17:40.123"},
	{"TIMESTAMP_NS", "TIMESTAMP_NS", "'1969-07-20 20:17:40.123456789'", "timestamp[ns]", "1969-07-20T20:17:40.123456789"},
	{"TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "'2013-06-01 05:00:00.000001+02'", "timestamp[us, tz=UTC]", "2013-06-01T03:00:00.000001Z"},
	{"INTERVAL", "INTERVAL", "'14 months -3 days 4 hours'", "month_day_nano_interval", `{"months":14,"days":-3,"nanoseconds":14400000000000}`},
	{"LIST", "INTEGER[]", "[1, NULL, 3]", "list<item: int32, nullable>", "[1,null,3]"},
	{"ARRAY", "INTEGER[3]", "[1, NULL, 3]", "fixed_size_list<item: int32, nullable>[3]", "[1,null,3]"},
	{"STRUCT", `STRUCT(a INTEGER, "b c" VARCHAR)`, "{'a': 1, 'b c': 'x'}", "struct<a: int32 nullable, b c: utf8 nullable>", `{"a":1,"b c":"x"}`},
	{"MAP", "MAP(VARCHAR, INTEGER)", "MAP {'k': 1, 'l': NULL}", "map<utf8, int32, items_nullable>", `[{"key":"k","value":1},{"key":"l","value":null}]`},
	{"UNION", "UNION(i INTEGER, s VARCHAR)", "union_value(s := 'seven')", "i: int32, s: utf8", `[1,"seven"]`},
	{"GEOMETRY", "GEOMETRY", "'POINT(1 2)'", "binary", "AQEAAAAAAAAAAADwPwAAAAAAAABA"},
	{"VARIANT", "VARIANT", "{'a': 1}", "utf8", `{"a":1}`},
	{"NULL", `"NULL"`, "NULL", "int32", "(null)"},
}

func TestFlightSqlReadsValuesOfEveryType(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.name, func(t *testing.T) {
			proves(t, "read: "+sample.name)
			s := open(t)
			column := s.batch("SELECT CAST(" + sample.literal + " AS " + sample.ty + ") AS v").Column(0)
			ty := column.DataType().String()
			if union, is := column.DataType().(arrow.UnionType); is {
				// Its own text has the metadata of its members too.
				ty = fields(arrow.NewSchema(union.Fields(), nil))
			}
			equal(t, "type", sample.arrow, ty)
			equal(t, "value", sample.text, column.ValueStr(0))
			if sample.name != "UNION" {
				null := s.batch("SELECT CAST(NULL AS " + sample.ty + ") AS v").Column(0)
				if sample.name != "NULL" && !null.IsNull(0) {
					t.Fatalf("NULL is %s", null.ValueStr(0))
				}
			}
		})
	}
}

// The value that the server has sent is sent back to it as a parameter.
func TestFlightSqlBindsValuesOfEveryType(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.name, func(t *testing.T) {
			proves(t, "parameter: "+sample.name)
			s := open(t)
			value := "CAST(" + sample.literal + " AS " + sample.ty + ")"
			sent := s.batch("SELECT " + value + " AS v")
			defer sent.Release()
			equal(t, "the same", "[[true]]", s.bound("SELECT v IS NOT DISTINCT FROM "+value+" FROM (SELECT CAST(? AS "+sample.ty+") AS v)", sent))
		})
	}
}

// bound is the answer to a query with parameters.
func (s *session) bound(sql string, parameters arrow.RecordBatch) [][]string {
	s.t.Helper()
	prepared, err := s.Prepare(s.ctx, sql)
	succeeds(s.t, err)
	defer func() { succeeds(s.t, prepared.Close(s.ctx)) }()
	prepared.SetParameters(parameters)
	info, err := prepared.Execute(s.ctx)
	succeeds(s.t, err)
	_, rows := s.rows(info)
	return rows
}

func TestFlightSqlTakesParametersInEveryEncoding(t *testing.T) {
	us := arrow.Microsecond
	encodings := []struct {
		name, json, same string
		ty               arrow.DataType
	}{
		{"Float16", "[1.5]", "1.5::FLOAT", arrow.FixedWidthTypes.Float16},
		{"LargeUtf8", `["duck"]`, "'duck'", arrow.BinaryTypes.LargeString},
		{"Utf8View", `["a duck that is longer than twelve bytes"]`, "'a duck that is longer than twelve bytes'", arrow.BinaryTypes.StringView},
		{"LargeBinary", `["AP8="]`, `'\x00\xFF'::BLOB`, arrow.BinaryTypes.LargeBinary},
		{"BinaryView", `["AP8="]`, `'\x00\xFF'::BLOB`, arrow.BinaryTypes.BinaryView},
		{"FixedSizeBinary", `["AP8="]`, `'\x00\xFF'::BLOB`, &arrow.FixedSizeBinaryType{ByteWidth: 2}},
		{"Decimal32", `["1.25"]`, "1.25", &arrow.Decimal32Type{Precision: 9, Scale: 2}},
		{"Decimal64", `["1.25"]`, "1.25", &arrow.Decimal64Type{Precision: 18, Scale: 2}},
		{"Decimal256", `["1.25"]`, "1.25", &arrow.Decimal256Type{Precision: 38, Scale: 2}},
		{"Date64", `["2024-01-02"]`, "DATE '2024-01-02'", arrow.FixedWidthTypes.Date64},
		{"Time32", `["03:04:05"]`, "TIME '03:04:05'", arrow.FixedWidthTypes.Time32s},
		{"Timestamp with any zone", `["2024-01-02 03:04:05Z"]`, "TIMESTAMPTZ '2024-01-02 03:04:05+00'",
			&arrow.TimestampType{Unit: us, TimeZone: "Asia/Tokyo"}},
		{"Duration", "[3600000000]", "INTERVAL '1 hour'", &arrow.DurationType{Unit: us}},
		{"Interval by months", `[{"months": 14}]`, "INTERVAL '14 months'", arrow.FixedWidthTypes.MonthInterval},
		{"Interval by days and milliseconds", `[{"days": 2, "milliseconds": 3}]`, "INTERVAL '2 days 3 milliseconds'", arrow.FixedWidthTypes.DayTimeInterval},
		{"LargeList", "[[1, null]]", "[1, NULL]", arrow.LargeListOf(arrow.PrimitiveTypes.Int32)},
		{"ListView", "[[1, null]]", "[1, NULL]", arrow.ListViewOf(arrow.PrimitiveTypes.Int32)},
		{"Dictionary", `["duck"]`, "'duck'", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
		{"RunEndEncoded", `["duck"]`, "'duck'", arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String)},
		{"Null", "[null]", "NULL", arrow.Null},
	}
	for _, encoding := range encodings {
		t.Run(encoding.name, func(t *testing.T) {
			proves(t, "parameter encoding: "+encoding.name)
			s := open(t)
			batch := values(t, encoding.ty, encoding.json)
			equal(t, "the same", "[[true]]", s.bound("SELECT ? IS NOT DISTINCT FROM "+encoding.same, batch))
		})
	}
}

func TestFlightSqlPreparedStatementsAreRunWithOtherValues(t *testing.T) {
	proves(t, "prepared: query", "prepared: update", "prepared: run again with other values", "prepared: parameters described",
		"prepared: columns described", "prepared: NULL", "prepared: parameter without a type", "prepared: query over many rows",
		"prepared: update over many rows", "prepared: wrong number of parameters refused")
	lacks(t, "a batch has columns by their places", "prepared: parameters by name")
	lacks(t, "the client does not send a batch without rows", "prepared: no row of parameters")
	s := open(t)
	s.run("CREATE TABLE go_prepared (i INTEGER, t VARCHAR)")
	integer, text := arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String

	insert, err := s.Prepare(s.ctx, "INSERT INTO go_prepared VALUES (?, ?)")
	succeeds(t, err)
	equal(t, "parameters", "1: int32, 2: utf8", fields(insert.ParameterSchema()))
	update, told := insert.IsUpdate()
	equal(t, "is an update", "true true", fmt.Sprint(update, told))
	for _, rows := range []struct {
		batch arrow.RecordBatch
		count int
	}{
		{values(t, integer, "[1]", text, `["one"]`), 1},
		{values(t, integer, "[2, 3, null]", text, `["two", null, "none"]`), 3},
	} {
		insert.SetParameters(rows.batch)
		count, err := insert.ExecuteUpdate(s.ctx)
		succeeds(t, err)
		equal(t, "inserted", rows.count, count)
	}
	insert.SetParameters(values(t, integer, "[1]"))
	_, err = insert.ExecuteUpdate(s.ctx)
	refused(t, err, "2 parameters and was given 1")
	succeeds(t, insert.Close(s.ctx))
	equal(t, "rows", "[[1 one] [2 two] [3 (null)] [(null) none]]", s.query("FROM go_prepared ORDER BY i NULLS LAST"))

	find, err := s.Prepare(s.ctx, "SELECT t FROM go_prepared WHERE i = ?")
	succeeds(t, err)
	equal(t, "columns", "t: utf8", fields(find.DatasetSchema()))
	schema, err := find.GetSchema(s.ctx)
	equal(t, "columns", "t: utf8", fields(schemaOf(t, schema, err)))
	for _, sought := range [][2]string{{"[1]", "[[one]]"}, {"[2, 77, 1]", "[[two] [one]]"}, {"[null]", "[]"}} {
		find.SetParameters(values(t, integer, sought[0]))
		info, err := find.Execute(s.ctx)
		succeeds(t, err)
		_, rows := s.rows(info)
		equal(t, "found for "+sought[0], sought[1], rows)
	}
	succeeds(t, find.Close(s.ctx))
	_, err = find.Execute(s.ctx)
	refused(t, err, "closed")
	equal(t, "of no type", "[[duck]]", s.bound("SELECT ? AS v", values(t, text, `["duck"]`)))
}

//! Type names, as DuckDB 1.5 reads and prints them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use typemap::{MAX_ARRAY_SIZE, MAX_DEPTH, ParseError, SqlType};

fn parse(text: &str) -> SqlType {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> ParseError {
    match text.parse::<SqlType>() {
        Ok(ty) => panic!("{text} was read as {ty}"),
        Err(error) => error,
    }
}

fn assert_reads(cases: &[(&str, &str)]) {
    for (text, printed) in cases {
        assert_eq!(parse(text).to_string(), *printed, "{text}");
    }
}

#[test]
fn every_alias_reads_as_the_type_duckdb_makes_of_it() {
    let aliases = [
        ("BOOLEAN", "BOOLEAN bool Logical"),
        ("TINYINT", "TINYINT INT1"),
        ("SMALLINT", "SMALLINT INT2 INT16 SHORT"),
        ("INTEGER", "INTEGER INT INT4 INT32 SIGNED INTEGRAL"),
        ("BIGINT", "BIGINT INT8 INT64 LONG OID"),
        ("HUGEINT", "HUGEINT INT128"),
        ("UTINYINT", "UTINYINT UINT8"),
        ("USMALLINT", "USMALLINT UINT16"),
        ("UINTEGER", "UINTEGER UINT32"),
        ("UBIGINT", "UBIGINT UINT64"),
        ("UHUGEINT", "UHUGEINT UINT128"),
        ("FLOAT", "FLOAT FLOAT4 REAL FLOAT(3) FLOAT(24)"),
        ("DOUBLE", "DOUBLE FLOAT8 FLOAT(25) FLOAT(53)"),
        ("DECIMAL(18,3)", "DECIMAL DECIMAL() NUMERIC DEC"),
        ("DECIMAL(4,0)", "DECIMAL(4) NUMERIC(4)"),
        ("DECIMAL(4,1)", "DECIMAL(4,1) DEC(4,1) \"decimal\"(4,1)"),
        ("VARCHAR", "VARCHAR varchar(3) TEXT STRING CHAR CHAR(5) BPCHAR NVARCHAR NVARCHAR(4) CHARACTER NCHAR text(4)"),
        ("JSON", "JSON json"),
        ("UUID", "UUID GUID"),
        ("BLOB", "BLOB BYTEA BINARY VARBINARY"),
        ("BIT", "BIT BITSTRING BIT(3)"),
        ("BIGNUM", "BIGNUM VARINT"),
        ("DATE", "DATE \"date\""),
        ("TIME", "TIME"),
        ("TIME_NS", "TIME_NS"),
        ("TIME WITH TIME ZONE", "TIMETZ"),
        ("TIMESTAMP_S", "TIMESTAMP_S TIMESTAMP(0)"),
        ("TIMESTAMP_MS", "TIMESTAMP_MS TIMESTAMP(1) TIMESTAMP(3) DATETIME(3)"),
        ("TIMESTAMP", "TIMESTAMP TIMESTAMP_US DATETIME TIMESTAMP(4) TIMESTAMP(6)"),
        ("TIMESTAMP_NS", "TIMESTAMP_NS TIMESTAMP(9)"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
        ("INTERVAL", "INTERVAL"),
        ("GEOMETRY", "GEOMETRY GEOMETRY()"),
        ("VARIANT", "VARIANT"),
        ("\"NULL\"", "NULL \"NULL\" \"null\""),
        ("INTEGER[]", "INT[]"),
        ("STRUCT(INTEGER, VARCHAR)", "ROW(INT,TEXT)"),
    ];
    for (printed, names) in aliases {
        for name in names.split_ascii_whitespace() {
            assert_eq!(parse(name).to_string(), printed, "{name}");
        }
    }
}

#[test]
fn every_name_duckdb_lists_is_read_in_quotes_too() {
    // duckdb_types() of 1.5.5, but for the names that stand for nothing without parameters.
    let names = "bigint int64 int8 long oid bignum varint bit bitstring binary blob bytea varbinary bool boolean logical \
                 date dec decimal numeric double float8 float float4 real geometry hugeint int128 int int32 int4 integer \
                 integral signed interval null int16 int2 short smallint time timetz datetime timestamp timestamp_us \
                 timestamptz timestamp_ms timestamp_ns timestamp_s time_ns int1 tinyint ubigint uint64 uhugeint uint128 \
                 uint32 uinteger uint16 usmallint uint8 utinyint guid uuid json bpchar char nvarchar string text varchar \
                 variant";
    for name in names.split_ascii_whitespace() {
        let plain = parse(name);
        assert_eq!(parse(&format!("\"{name}\"")), plain, "{name}");
        assert_eq!(parse(&format!("\"{}\"[]", name.to_uppercase())), SqlType::List(Box::new(plain)), "{name}");
    }
}

#[test]
fn names_that_stand_for_no_values_are_refused_at_their_place() {
    for (text, position) in
        [("LIST", 0), ("LIST(INTEGER)", 0), ("ARRAY(INTEGER, 3)", 0), ("STRUCT(a TYPE)", 9), ("MAP", 3)]
    {
        assert_eq!(refusal(text).position, position, "{text}");
    }
}

#[test]
fn names_of_several_words_are_read() {
    assert_reads(&[
        ("double  precision", "DOUBLE"),
        ("CHARACTER VARYING(4)", "VARCHAR"),
        ("char varying", "VARCHAR"),
        ("NATIONAL CHARACTER VARYING(3)", "VARCHAR"),
        ("timestamp with time zone", "TIMESTAMP WITH TIME ZONE"),
        ("TIMESTAMP(9) WITHOUT TIME ZONE", "TIMESTAMP_NS"),
        ("TIMESTAMP WITHOUT TIME ZONE[]", "TIMESTAMP[]"),
        ("\"timestamp with time zone\"", "TIMESTAMP WITH TIME ZONE"),
        ("\"TIME WITH TIME ZONE\"", "TIME WITH TIME ZONE"),
        ("TIME WITH TIME ZONE[2]", "TIME WITH TIME ZONE[2]"),
        ("time without time zone", "TIME"),
        ("INTERVAL DAY", "INTERVAL"),
        ("INTERVAL YEAR TO MONTH[]", "INTERVAL[]"),
        ("int ARRAY", "INTEGER[]"),
        ("INT ARRAY[3]", "INTEGER[3]"),
    ]);
}

#[test]
fn nested_types_are_read_and_printed() {
    assert_reads(&[
        ("STRUCT(a INTEGER, \"b c\" VARCHAR)", "STRUCT(a INTEGER, \"b c\" VARCHAR)"),
        ("struct ( \"a\" int )", "STRUCT(a INTEGER)"),
        ("ENUM('a', 'it''s')", "ENUM('a', 'it''s')"),
        ("enum('')", "ENUM('')"),
        ("INTEGER[3][]", "INTEGER[3][]"),
        ("INT [ 3 ]", "INTEGER[3]"),
        ("MAP(VARCHAR, INTEGER[])", "MAP(VARCHAR, INTEGER[])"),
        ("UNION(i INTEGER, s VARCHAR)", "UNION(i INTEGER, s VARCHAR)"),
        ("UNION(\"name\" VARCHAR, age SMALLINT)", "UNION(\"name\" VARCHAR, age SMALLINT)"),
        ("GEOMETRY('OGC:CRS84')", "GEOMETRY('OGC:CRS84')"),
        ("STRUCT(time time with time zone)", "STRUCT(\"time\" TIME WITH TIME ZONE)"),
        ("STRUCT(interval interval)", "STRUCT(\"interval\" INTERVAL)"),
        ("STRUCT(\"NULL\" \"NULL\")", "STRUCT(\"NULL\" \"NULL\")"),
        ("STRUCT(a \"NULL\"[])", "STRUCT(a \"NULL\"[])"),
        (
            "STRUCT(\"é\" INT, \"1a\" INT, a1 INT, _x INT, \"a\"\"b\" INT, \"a$\" INT, Date INT)",
            "STRUCT(\"é\" INTEGER, \"1a\" INTEGER, a1 INTEGER, _x INTEGER, \"a\"\"b\" INTEGER, \"a$\" INTEGER, Date INTEGER)",
        ),
        ("STRUCT(\"Key\" INT, \"SELECT\" INT)", "STRUCT(\"Key\" INTEGER, \"SELECT\" INTEGER)"),
    ]);
}

#[test]
fn structs_without_names_are_told_from_those_with() {
    assert_reads(&[
        ("STRUCT(INTEGER, INTEGER)", "STRUCT(INTEGER, INTEGER)"),
        ("STRUCT(\"NULL\")", "STRUCT(\"NULL\")"),
        ("STRUCT(DECIMAL(4,1), INTEGER[])", "STRUCT(DECIMAL(4,1), INTEGER[])"),
        (
            "STRUCT(TIMESTAMP WITH TIME ZONE, TIME WITH TIME ZONE)",
            "STRUCT(TIMESTAMP WITH TIME ZONE, TIME WITH TIME ZONE)",
        ),
        ("STRUCT(STRUCT(a INTEGER))", "STRUCT(STRUCT(a INTEGER))"),
    ]);
    assert_eq!(parse("STRUCT(DATE)"), SqlType::Struct(vec![(String::new(), SqlType::Date)]));
    assert_eq!(parse("STRUCT(date DATE)"), SqlType::Struct(vec![("date".to_owned(), SqlType::Date)]));
}

#[test]
fn an_alias_prints_its_name() {
    let alias = SqlType::Alias { name: "money".to_owned(), base: Box::new(parse("DECIMAL(18,2)")) };
    assert_eq!(SqlType::List(Box::new(alias.clone())).to_string(), "money[]");
    assert_eq!(alias.without_alias().to_string(), "DECIMAL(18,2)");
}

#[test]
fn what_is_no_type_is_refused_at_the_character_that_shows_it() {
    for (text, position) in [
        ("", 0),
        ("   ", 3),
        ("MONEY", 0),
        ("TIMESTAMP_TZ", 0),
        ("STRUCT(a FOO)", 9),
        ("STRUCT(\"é\" FOO)", 11),
        ("STRUCT(\"\" INT)", 7),
        ("STRUCT", 6),
        ("STRUCT()", 7),
        ("STRUCT(a INT,)", 13),
        ("STRUCT(a INT, INT)", 17),
        ("STRUCT(INT, a INT)", 12),
        ("STRUCT('a' INT)", 7),
        ("UNION(INT)", 9),
        ("MAP(INT)", 7),
        ("MAP(INT,INT,INT)", 11),
        ("ENUM()", 5),
        ("ENUM(a)", 5),
        ("ENUM('a)", 5),
        ("\"INTEGER", 0),
        ("DECIMAL(39,1)", 8),
        ("DECIMAL(3,4)", 10),
        ("DECIMAL(0)", 8),
        ("DECIMAL(4,2,1)", 11),
        ("DECIMAL(-1)", 8),
        ("DECIMAL(99999999999999999999)", 8),
        ("FLOAT(54)", 6),
        ("TIMESTAMP(10)", 10),
        ("TIMESTAMP(3) WITH TIME ZONE", 13),
        ("TIMESTAMP WITH LOCAL TIME ZONE", 15),
        ("TIME(3)", 4),
        ("INTEGER(4)", 7),
        ("INT[0]", 4),
        ("INT[100001]", 4),
        ("INT[", 4),
        ("INT[] ARRAY", 6),
        ("INTEGER UNSIGNED", 8),
        ("INTEGER;", 7),
        ("VARCHAR()", 8),
        ("REAL(3)", 4),
        ("GEOMETRY(\"OGC:CRS84\")", 9),
    ] {
        let error = refusal(text);
        assert_eq!(error.position, position, "{text}: {error}");
    }
}

#[test]
fn the_message_shows_where_and_why() {
    let message = refusal("STRUCT(a FOO)").to_string();
    assert_eq!(message, "not a SQL type: no built-in type has this name, at character 9, where it says `FOO)`");
    let long = format!("MAP(INT, x{})", "y".repeat(1_000));
    assert!(refusal(&long).to_string().len() < 200);
}

#[test]
fn nesting_is_read_up_to_the_limit_and_refused_beyond() {
    let lists = |levels: usize| format!("INT{}", "[]".repeat(levels - 1));
    let structs = |levels: usize| format!("{}INT{}", "STRUCT(a ".repeat(levels - 1), ")".repeat(levels - 1));
    let both =
        |levels: usize| format!("{}INT{}", "MAP(INT, ".repeat(levels - 20), "[]".repeat(19) + &")".repeat(levels - 20));
    for nested in [lists(MAX_DEPTH), structs(MAX_DEPTH), both(MAX_DEPTH)] {
        parse(&nested);
    }
    for nested in [lists(MAX_DEPTH + 1), structs(MAX_DEPTH + 1), both(MAX_DEPTH + 1)] {
        assert!(refusal(&nested).to_string().contains("nested deeper than 60"), "{nested}");
    }
}

#[test]
fn hostile_text_neither_overflows_the_stack_nor_takes_long() {
    const MANY: usize = 500_000;
    for hostile in [
        "STRUCT(a ".repeat(MANY),
        "MAP(".repeat(MANY),
        format!("INT{}", "[]".repeat(MANY)),
        "[".repeat(MANY),
        "\"".repeat(MANY + 1),
        "'".repeat(MANY + 1),
        "é".repeat(MANY),
        format!("ENUM({}", "'a',".repeat(MANY)),
        format!("STRUCT({}", "a INT, ".repeat(MANY)),
    ] {
        refusal(&hostile);
    }
}

/// Any type without children.
fn leaf() -> impl Strategy<Value = SqlType> {
    use SqlType::*;
    let plain = vec![
        Null,
        Boolean,
        TinyInt,
        SmallInt,
        Integer,
        BigInt,
        HugeInt,
        UTinyInt,
        USmallInt,
        UInteger,
        UBigInt,
        UHugeInt,
        Float,
        Double,
        Varchar,
        Json,
        Uuid,
        Blob,
        Bit,
        BigNum,
        Date,
        Time,
        TimeNs,
        TimeTz,
        TimestampS,
        TimestampMs,
        Timestamp,
        TimestampNs,
        TimestampTz,
        Interval,
        Variant,
    ];
    prop_oneof![
        8 => prop::sample::select(plain),
        1 => (1_u8..=38).prop_flat_map(|precision| (Just(precision), 0..=precision))
            .prop_map(|(precision, scale)| Decimal { precision, scale }),
        1 => prop::collection::vec(any::<String>(), 1..5).prop_map(Enum),
        1 => prop::option::of(any::<String>()).prop_map(|crs| Geometry { crs }),
    ]
}

/// Any name a field may have, and the ones most likely to be misread.
fn name() -> impl Strategy<Value = String> {
    let tricky = vec!["time", "timestamp", "with", "TIME", "NULL", "double", "a b", "a\"b", "struct", "interval", "é"];
    prop_oneof![
        any::<String>().prop_filter("a name", |name| !name.is_empty()),
        "[a-zA-Z_][a-z0-9]{0,5}",
        prop::sample::select(tricky).prop_map(str::to_owned)
    ]
}

/// Any type the parser can make.
fn sql_type() -> impl Strategy<Value = SqlType> {
    leaf().prop_recursive(6, 40, 5, |inner| {
        let members = || prop::collection::vec((name(), inner.clone()), 1..5);
        prop_oneof![
            inner.clone().prop_map(|item| SqlType::List(Box::new(item))),
            (inner.clone(), 1..=MAX_ARRAY_SIZE).prop_map(|(item, size)| SqlType::Array(Box::new(item), size)),
            members().prop_map(SqlType::Struct),
            prop::collection::vec(inner.clone().prop_map(|ty| (String::new(), ty)), 1..5).prop_map(SqlType::Struct),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| SqlType::Map(Box::new(key), Box::new(value))),
            members().prop_map(SqlType::Union),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_printed_reads_as_the_same_type(ty in sql_type()) {
        let printed = ty.to_string();
        prop_assert_eq!(printed.parse::<SqlType>(), Ok(ty), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        let _ = text.parse::<SqlType>();
    }

    #[test]
    fn no_text_of_type_like_parts_makes_the_parser_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "STRUCT", "(", ")", "[", "]", ",", "MAP", "UNION", "ENUM", "'a'", "\"b\"", " ", "DECIMAL", "3", "INT", "a",
            "TIMESTAMP", "WITH", "TIME", "ZONE", "INTERVAL", "DAY", "TO", "ARRAY", "'", "\"", "é", "GEOMETRY", "NATIONAL",
        ]), 0..30)
    ) {
        let text = parts.concat();
        if let Err(error) = text.parse::<SqlType>() {
            prop_assert!(error.position <= text.chars().count());
        }
        let _ = parts.join(" ").parse::<SqlType>();
    }
}

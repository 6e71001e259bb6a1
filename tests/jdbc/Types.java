import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** A value of each SQL type is read as it is in the database: by the getter of its kind, as an object and as text. */
public class Types {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Types.class, arguments);
    }

    interface Getter {
        Object get(ResultSet rows) throws SQLException;
    }

    /** What a getter is expected to give. */
    record Way(Getter getter, Object expected) {}

    static Way way(Getter getter, Object expected) {
        return new Way(getter, expected);
    }

    static Way object(Object expected) {
        return way(rows -> rows.getObject(1), expected);
    }

    static Way text(String expected) {
        return way(rows -> rows.getString(1), expected);
    }

    /** The value is read in each of these ways, and its NULL as an object and as text. */
    static void reads(Connection connection, String type, String literal, Way... ways) throws Exception {
        String value = "CAST(" + literal + " AS " + type + ")";
        String sql = "SELECT v FROM (VALUES (1, " + value + "), (2, NULL)) t(n, v) ORDER BY n";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            Proof.check("a row", rows.next());
            for (Way way : ways) {
                Proof.equal(type + " " + literal, way.expected, way.getter.get(rows));
                Proof.check("not null", !rows.wasNull());
            }
            Proof.check("a second row", rows.next());
            Proof.equal("NULL of " + type + " as text", null, rows.getString(1));
            Proof.check("null", rows.wasNull());
            // Whatever a getter gives for NULL, it says that it was one.
            for (Way way : ways) {
                way.getter.get(rows);
                Proof.check("a getter of " + type + " does not tell NULL", rows.wasNull());
            }
            Proof.check("the end", !rows.next());
        }
    }

    @Proof.Check({"read: BOOLEAN"})
    static void booleans(Connection connection) throws Exception {
        reads(connection, "BOOLEAN", "true", way(rows -> rows.getBoolean(1), true), object(true), text("true"));
        reads(connection, "BOOLEAN", "false", way(rows -> rows.getBoolean(1), false), object(false), text("false"));
    }

    @Proof.Check({"read: TINYINT", "read: SMALLINT", "read: INTEGER", "read: BIGINT"})
    static void integers(Connection connection) throws Exception {
        for (byte value : new byte[] {Byte.MIN_VALUE, Byte.MAX_VALUE}) {
            reads(connection, "TINYINT", "" + value, way(rows -> rows.getByte(1), value), object(value), text("" + value));
        }
        for (short value : new short[] {Short.MIN_VALUE, Short.MAX_VALUE}) {
            reads(connection, "SMALLINT", "" + value, way(rows -> rows.getShort(1), value), object(value), text("" + value));
        }
        for (int value : new int[] {Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            reads(connection, "INTEGER", "" + value, way(rows -> rows.getInt(1), value), object(value), text("" + value));
        }
        for (long value : new long[] {Long.MIN_VALUE, Long.MAX_VALUE}) {
            reads(connection, "BIGINT", "'" + value + "'", way(rows -> rows.getLong(1), value), object(value),
                text("" + value), way(rows -> rows.getBigDecimal(1), new BigDecimal(value)));
        }
    }

    @Proof.Check({"read: USMALLINT", "read: UBIGINT"})
    static void unsignedIntegers(Connection connection) throws Exception {
        reads(connection, "USMALLINT", "65535", way(rows -> rows.getInt(1), 65_535), text("65535"));
        String largest = "18446744073709551615";
        reads(connection, "UBIGINT", largest, text(largest));
        reads(connection, "UBIGINT", "9", way(rows -> rows.getLong(1), 9L), object(9L), text("9"));
    }

    @Proof.Check(value = {"read: UTINYINT", "read: UINTEGER"},
        because = "in the upper half of their range the driver shows negative numbers, and texts of 64 bits")
    static void unsignedIntegersOfTheLowerHalf(Connection connection) throws Exception {
        reads(connection, "UTINYINT", "127", way(rows -> rows.getInt(1), 127), object((byte) 127), text("127"));
        reads(connection, "UINTEGER", "2147483647", way(rows -> rows.getLong(1), 2_147_483_647L), object(2_147_483_647),
            text("2147483647"));
        reads(connection, "UTINYINT", "255", object((byte) -1), text("18446744073709551615"));
        reads(connection, "UINTEGER", "4294967295", object(-1), text("18446744073709551615"));
    }

    @Proof.Check({"read: HUGEINT", "read: UHUGEINT"})
    static void hugeIntegers(Connection connection) throws Exception {
        for (String value : new String[] {"9".repeat(38), "-" + "9".repeat(38), "0"}) {
            BigDecimal number = new BigDecimal(value);
            reads(connection, "HUGEINT", "'" + value + "'", way(rows -> rows.getBigDecimal(1), number), object(number),
                text(value));
        }
        BigDecimal largest = new BigDecimal(java.math.BigInteger.TWO.pow(128).subtract(java.math.BigInteger.ONE));
        reads(connection, "UHUGEINT", "'" + largest + "'", way(rows -> rows.getBigDecimal(1), largest), object(largest),
            text(largest.toString()));
    }

    @Proof.Check
    static void aValueThatCannotBeCarriedIsAnErrorThatNamesItsColumn(Connection connection) throws Exception {
        String sql = "SELECT 170141183460469231731687303715884105727::HUGEINT AS too_wide";
        String text = String.valueOf(Proof.refused("too_wide", () -> Proof.value(connection, sql)));
        Proof.check(text, text.contains("[22003]"));
        Proof.equal("goes on", 1, Proof.value(connection, "SELECT 1"));
    }

    @Proof.Check({"read: FLOAT", "read: DOUBLE"})
    static void floats(Connection connection) throws Exception {
        reads(connection, "FLOAT", "1.5", way(rows -> rows.getFloat(1), 1.5f), object(1.5), text("1.5"));
        reads(connection, "FLOAT", "'nan'", way(rows -> rows.getFloat(1), Float.NaN), object(Double.NaN));
        reads(connection, "FLOAT", "'3.4028235e38'", way(rows -> rows.getFloat(1), Float.MAX_VALUE));
        reads(connection, "DOUBLE", "'0.1'", way(rows -> rows.getDouble(1), 0.1), object(0.1), text("0.1"));
        reads(connection, "DOUBLE", "'-inf'", way(rows -> rows.getDouble(1), Double.NEGATIVE_INFINITY));
        reads(connection, "DOUBLE", "'5e-324'", way(rows -> rows.getDouble(1), Double.MIN_VALUE));
    }

    @Proof.Check({"read: DECIMAL"})
    static void decimals(Connection connection) throws Exception {
        String[][] samples = {
            {"DECIMAL(4,1)", "-999.9"}, {"DECIMAL(9,2)", "0.01"}, {"DECIMAL(18,3)", "123456789012345.678"},
            {"DECIMAL(38,10)", "9999999999999999999999999999.9999999999"}, {"DECIMAL(10,2)", "1.50"},
        };
        for (String[] sample : samples) {
            BigDecimal value = new BigDecimal(sample[1]);
            reads(connection, sample[0], "'" + sample[1] + "'", way(rows -> rows.getBigDecimal(1), value), object(value),
                text(sample[1]));
        }
    }

    @Proof.Check({"read: VARCHAR", "read: ENUM", "read: JSON", "read: BIT", "read: BIGNUM", "read: TIME WITH TIME ZONE",
        "read: VARIANT"})
    static void texts(Connection connection) throws Exception {
        for (String value : new String[] {"", "Ankaŭ 🦆", "it's", "long ".repeat(20_000)}) {
            readsText(connection, "VARCHAR", value);
        }
        readsText(connection, "ENUM('calm', 'it''s windy')", "it's windy");
        readsText(connection, "JSON", "{\"a\": [1, null]}");
        readsText(connection, "BIT", "0000000001");
        readsText(connection, "BIGNUM", "123456789012345678901234567890123456789012345678901234567890");
        readsText(connection, "TIME WITH TIME ZONE", "13:30:00.000001+05:30");
        reads(connection, "VARIANT", "[1, 2]", text("[1,2]"));
    }

    static void readsText(Connection connection, String type, String value) throws Exception {
        reads(connection, type, "'" + value.replace("'", "''") + "'", text(value), object(value));
    }

    @Proof.Check({"read: BLOB", "read: UUID", "read: GEOMETRY"})
    static void bytes(Connection connection) throws Exception {
        readsBytes(connection, "BLOB", "'\\x00\\xFF'", "00ff");
        readsBytes(connection, "BLOB", "''", "");
        readsBytes(connection, "UUID", "'ffffffff-1234-5678-9abc-def012345678'", "ffffffff123456789abcdef012345678");
        readsBytes(connection, "GEOMETRY", "'POINT(1 2)'", "0101000000000000000000f03f0000000000000040");
    }

    static void readsBytes(Connection connection, String type, String literal, String hex) throws Exception {
        byte[] value = HexFormat.of().parseHex(hex);
        reads(connection, type, literal, way(rows -> rows.getBytes(1), value), object(value));
    }

    @Proof.Check({"read: DATE"})
    static void dates(Connection connection) throws Exception {
        for (String day : new String[] {"2024-02-29", "1969-12-31", "1600-01-01", "9999-12-31"}) {
            reads(connection, "DATE", "'" + day + "'", way(rows -> String.valueOf(rows.getDate(1)), day), text(day));
        }
    }

    @Proof.Check(value = {"read: TIME", "read: TIME_NS"},
        because = "the driver gives milliseconds, rounded down, and shifts them in a process that is not in UTC")
    static void times(Connection connection) throws Exception {
        Time second = Time.valueOf("03:04:05");
        reads(connection, "TIME", "'03:04:05'", way(rows -> rows.getTime(1), second), object(second), text("03:04:05"));
        reads(connection, "TIME", "'23:59:59.999999'", text("23:59:59.999"));
        reads(connection, "TIME_NS", "'03:04:05'", way(rows -> rows.getTime(1), second), object(second));
        reads(connection, "TIME_NS", "'23:59:59.999999999'", text("23:59:59.999"));
    }

    @Proof.Check(because = "getTimestamp is shifted in a process that is not in UTC; getObject(LocalDateTime.class) never is",
        value = {"read: TIMESTAMP", "read: TIMESTAMP_S", "read: TIMESTAMP_MS", "read: TIMESTAMP_NS"})
    static void timestamps(Connection connection) throws Exception {
        String[][] samples = {
            {"TIMESTAMP", "1969-07-20 20:17:40.000001"}, {"TIMESTAMP", "9999-12-31 23:59:59.999999"},
            {"TIMESTAMP_S", "1969-07-20 20:17:40.0"}, {"TIMESTAMP_MS", "1969-07-20 20:17:40.123"},
            {"TIMESTAMP_NS", "1969-07-20 20:17:40.123456789"}, {"TIMESTAMP_NS", "2262-04-11 23:47:16.854775806"},
        };
        for (String[] sample : samples) {
            Timestamp value = Timestamp.valueOf(sample[1]);
            LocalDateTime wall = value.toLocalDateTime();
            reads(connection, sample[0], "'" + sample[1] + "'", way(rows -> rows.getTimestamp(1), value), object(value),
                text(sample[1]), way(rows -> rows.getObject(1, LocalDateTime.class), wall),
                way(rows -> String.valueOf(rows.getDate(1)), sample[1].substring(0, 10)));
        }
    }

    @Proof.Check(value = {"read: TIMESTAMP WITH TIME ZONE"},
        because = "by getTimestamp, getString and getObject with a class; getObject without one is an error of the driver's")
    static void timestampsWithTimeZone(Connection connection) throws Exception {
        Instant instant = Instant.parse("2013-06-01T03:00:00.000001Z");
        reads(connection, "TIMESTAMP WITH TIME ZONE", "'2013-06-01 05:00:00.000001+02'",
            way(rows -> rows.getObject(1, Instant.class), instant),
            way(rows -> rows.getTimestamp(1), Timestamp.from(instant)),
            way(rows -> rows.getObject(1, OffsetDateTime.class), OffsetDateTime.parse("2013-06-01T03:00:00.000001Z")),
            text("2013-06-01 03:00:00.000001"));
        Proof.refused("not implemented",
            () -> Proof.value(connection, "SELECT TIMESTAMPTZ '2013-06-01 03:00:00+00' AS v"));
    }

    @Proof.Check({"read: INTERVAL"})
    static void intervals(Connection connection) throws Exception {
        reads(connection, "INTERVAL", "'14 months -3 days 4 hours'", text("P14M-3DT4H"));
        reads(connection, "INTERVAL", "'-1 microsecond'", text("PT-0.000001S"));
    }

    @Proof.Check({"read: LIST", "read: ARRAY"})
    static void lists(Connection connection) throws Exception {
        for (String type : new String[] {"INTEGER[]", "INTEGER[3]"}) {
            reads(connection, type, "[1, NULL, 3]", text("[1,null,3]"), way(Types::items, List.of("1", "null", "3")));
        }
        reads(connection, "INTEGER[]", "[]", text("[]"), way(Types::items, List.of()));
        reads(connection, "VARCHAR[][]", "[['a'], [], NULL, [NULL, 'b']]", text("[[\"a\"],[],null,[null,\"b\"]]"));
        String sql = "SELECT [10, 20, 30] AS v";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            Proof.check("a row", rows.next());
            Array array = rows.getArray(1);
            Proof.equal("type of items", java.sql.Types.INTEGER, array.getBaseType());
            Proof.equal("items", new Object[] {10, 20, 30}, array.getArray());
        }
    }

    static Object items(ResultSet rows) throws SQLException {
        Array array = rows.getArray(1);
        if (array == null) {
            return null;
        }
        List<String> items = new java.util.ArrayList<>();
        for (Object item : (Object[]) array.getArray()) {
            items.add(String.valueOf(item));
        }
        return items;
    }

    @Proof.Check({"read: STRUCT", "read: MAP", "read: UNION"})
    static void records(Connection connection) throws Exception {
        reads(connection, "STRUCT(a INTEGER, \"b c\" VARCHAR)", "{'a': 1, 'b c': 'x'}", text("{\"a\":1,\"b c\":\"x\"}"),
            way(rows -> plain(rows.getObject(1)), Map.of("a", "1", "b c", "x")));
        reads(connection, "MAP(VARCHAR, INTEGER[])", "MAP {'k': [1, 2]}", text("{\"k\":[1,2]}"));
        reads(connection, "STRUCT(l DECIMAL(9,2)[], d DATE)[]", "[{'l': [1.25], 'd': DATE '2013-01-01'}, NULL]",
            way(rows -> rows.getObject(1) == null ? null : items(rows).toString().contains("1.25"), true));
        // A union has no NULLs of its own, so the driver tells of none.
        for (String[] sample : new String[][] {{"i := 7", "7"}, {"s := 'seven'", "seven"}}) {
            String sql = "SELECT union_value(" + sample[0] + ")::UNION(i INTEGER, s VARCHAR) AS v";
            Proof.equal("union", sample[1], String.valueOf(Proof.value(connection, sql)));
        }
        Proof.equal("union", null, Proof.value(connection, "SELECT NULL::UNION(i INTEGER, s VARCHAR) AS v"));
    }

    static Object plain(Object struct) {
        if (struct == null) {
            return null;
        }
        Map<String, String> fields = new java.util.HashMap<>();
        ((Map<?, ?>) struct).forEach((name, value) -> fields.put(String.valueOf(name), String.valueOf(value)));
        return fields;
    }

    @Proof.Check({"read: NULL"})
    static void aBareNull(Connection connection) throws Exception {
        Proof.equal("NULL", null, Proof.value(connection, "SELECT NULL AS v"));
        Proof.equal("NULL of a list", null, Proof.value(connection, "SELECT unnest([NULL]) AS v"));
    }

    @Proof.Check
    static void aNumberThatWasNullIsZero(Connection connection) throws Exception {
        String sql = "SELECT NULL::INTEGER AS i, 0 AS z, NULL::VARCHAR AS s, NULL::DOUBLE AS d, NULL::BOOLEAN AS b";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            Proof.check("a row", rows.next());
            Proof.check("integer", rows.getInt("i") == 0 && rows.wasNull());
            Proof.check("zero", rows.getInt("z") == 0 && !rows.wasNull());
            Proof.check("text", rows.getString("s") == null && rows.wasNull());
            Proof.check("double", rows.getDouble("d") == 0 && rows.wasNull());
            Proof.check("boolean", !rows.getBoolean("b") && rows.wasNull());
            Proof.check("integer as a long", rows.getLong(1) == 0 && rows.wasNull());
        }
    }

    @Proof.Check
    static void theRealFlightsAreThere(Connection connection) throws Exception {
        String sql = "SELECT count(*) AS n, sum(distance) AS d, min(time_hour) AS h FROM flights";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            Proof.check("a row", rows.next());
            Proof.equal("flights", 336_776L, rows.getLong("n"));
            Proof.equal("miles", new BigDecimal("350217607"), rows.getBigDecimal("d"));
            Proof.equal("first hour", Instant.parse("2013-01-01T10:00:00Z"), rows.getObject("h", Instant.class));
        }
    }
}

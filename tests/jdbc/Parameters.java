import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.Calendar;
import java.util.HexFormat;
import java.util.List;
import java.util.TimeZone;

/** Values of each SQL type, set by the setters of JDBC that the driver has for it, are those values in the database. */
public class Parameters {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Parameters.class, arguments);
    }

    interface Setter {
        void set(PreparedStatement statement) throws Exception;
    }

    /** The value is `literal` where it is computed with, and in the column it is put into. */
    static void arrives(Connection connection, String type, String literal, Setter setter) throws Exception {
        String same = "SELECT v IS NOT DISTINCT FROM CAST(" + literal + " AS " + type + "), v::VARCHAR FROM ";
        try (PreparedStatement query = connection.prepareStatement(same + "(SELECT CAST(? AS " + type + ") AS v)")) {
            setter.set(query);
            isTrue(type + " " + literal + " in a query", query);
        }
        Proof.execute(connection, "CREATE OR REPLACE TEMPORARY TABLE kept (v " + type + ")");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO kept VALUES (?)")) {
            setter.set(insert);
            Proof.equal("rows", 1, insert.executeUpdate());
        }
        try (PreparedStatement query = connection.prepareStatement(same + "kept")) {
            isTrue(type + " " + literal + " in a column", query);
        }
    }

    static void isTrue(String what, PreparedStatement query) throws Exception {
        try (ResultSet rows = query.executeQuery()) {
            Proof.check("a row", rows.next());
            Proof.check(what + ": found " + rows.getString(2), rows.getBoolean(1));
            Proof.check("one row", !rows.next());
        }
    }

    /** The driver itself refuses the value, and says so. */
    static void lacks(Connection connection, String type, String text, Setter setter) throws Exception {
        Proof.refused(text, () -> arrives(connection, type, "NULL", setter));
    }

    @Proof.Check({"parameter: BOOLEAN"})
    static void booleans(Connection connection) throws Exception {
        arrives(connection, "BOOLEAN", "true", s -> s.setBoolean(1, true));
        arrives(connection, "BOOLEAN", "false", s -> s.setObject(1, false));
    }

    @Proof.Check({"parameter: TINYINT", "parameter: SMALLINT", "parameter: INTEGER", "parameter: BIGINT"})
    static void integers(Connection connection) throws Exception {
        for (byte value : new byte[] {Byte.MIN_VALUE, Byte.MAX_VALUE}) {
            arrives(connection, "TINYINT", "" + value, s -> s.setByte(1, value));
        }
        for (short value : new short[] {Short.MIN_VALUE, Short.MAX_VALUE}) {
            arrives(connection, "SMALLINT", "" + value, s -> s.setShort(1, value));
        }
        for (int value : new int[] {Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            arrives(connection, "INTEGER", "" + value, s -> s.setInt(1, value));
            arrives(connection, "BIGINT", "" + value, s -> s.setObject(1, value));
        }
        for (long value : new long[] {Long.MIN_VALUE, Long.MAX_VALUE}) {
            arrives(connection, "BIGINT", "'" + value + "'", s -> s.setLong(1, value));
        }
    }

    @Proof.Check({"parameter: UTINYINT", "parameter: USMALLINT", "parameter: UINTEGER", "parameter: UBIGINT"})
    static void unsignedIntegers(Connection connection) throws Exception {
        arrives(connection, "UTINYINT", "255", s -> s.setShort(1, (short) 255));
        arrives(connection, "USMALLINT", "65535", s -> s.setInt(1, 65_535));
        arrives(connection, "UINTEGER", "4294967295", s -> s.setLong(1, 4_294_967_295L));
        String largest = "18446744073709551615";
        arrives(connection, "UBIGINT", largest, s -> s.setBigDecimal(1, new BigDecimal(largest)));
        arrives(connection, "UBIGINT", largest, s -> s.setObject(1, new BigInteger(largest)));
    }

    @Proof.Check(value = {"parameter: HUGEINT"}, because = "38 digits: the driver binds no decimal of 256 bits")
    static void hugeIntegers(Connection connection) throws Exception {
        for (String value : new String[] {"9".repeat(38), "-" + "9".repeat(38), "0"}) {
            arrives(connection, "HUGEINT", "'" + value + "'", s -> s.setBigDecimal(1, new BigDecimal(value)));
        }
    }

    @Proof.Check(lacks = {"parameter: UHUGEINT"}, because = "the driver binds no decimal of 256 bits", leaks = true)
    static void unsignedHugeIntegersAreRefused(Connection connection) throws Exception {
        lacks(connection, "UHUGEINT", "Decimal256Vector is not yet supported", s -> s.setBigDecimal(1, BigDecimal.ONE));
    }

    @Proof.Check({"parameter: FLOAT", "parameter: DOUBLE"})
    static void floats(Connection connection) throws Exception {
        arrives(connection, "FLOAT", "1.5", s -> s.setFloat(1, 1.5f));
        arrives(connection, "FLOAT", "'nan'", s -> s.setFloat(1, Float.NaN));
        arrives(connection, "FLOAT", "'3.4028235e38'", s -> s.setFloat(1, Float.MAX_VALUE));
        arrives(connection, "DOUBLE", "'0.1'", s -> s.setDouble(1, 0.1));
        arrives(connection, "DOUBLE", "'-inf'", s -> s.setDouble(1, Double.NEGATIVE_INFINITY));
        arrives(connection, "DOUBLE", "'5e-324'", s -> s.setObject(1, Double.MIN_VALUE));
    }

    @Proof.Check(value = {"parameter: DECIMAL"}, leaks = true, because = "of the scale of its parameter: the driver does not pad")
    static void decimals(Connection connection) throws Exception {
        String[][] samples = {
            {"DECIMAL(4,1)", "-999.9"}, {"DECIMAL(9,2)", "0.01"}, {"DECIMAL(18,3)", "123456789012345.678"},
            {"DECIMAL(38,10)", "9999999999999999999999999999.9999999999"},
        };
        for (String[] sample : samples) {
            BigDecimal value = new BigDecimal(sample[1]);
            arrives(connection, sample[0], "'" + sample[1] + "'", s -> s.setBigDecimal(1, value));
        }
        lacks(connection, "DECIMAL(9,2)", "scale must equal", s -> s.setBigDecimal(1, new BigDecimal("1.5")));
    }

    @Proof.Check({"parameter: VARCHAR", "parameter: ENUM", "parameter: JSON", "parameter: BIT", "parameter: BIGNUM",
        "parameter: TIME WITH TIME ZONE", "parameter: VARIANT"})
    static void texts(Connection connection) throws Exception {
        for (String value : new String[] {"", "Ankaŭ 🦆", "it''s", "x".repeat(100_000)}) {
            arrives(connection, "VARCHAR", "'" + value + "'", s -> s.setString(1, value.replace("''", "'")));
        }
        arrives(connection, "VARCHAR", "'ñ'", s -> s.setNString(1, "ñ"));
        arrives(connection, "VARCHAR", "'o'", s -> s.setObject(1, "o"));
        arrives(connection, "ENUM('calm', 'it''s windy')", "'it''s windy'", s -> s.setString(1, "it's windy"));
        arrives(connection, "JSON", "'{\"a\": [1, null]}'", s -> s.setString(1, "{\"a\": [1, null]}"));
        arrives(connection, "BIT", "'0000000001'", s -> s.setString(1, "0000000001"));
        String digits = "123456789012345678901234567890123456789012345678901234567890";
        arrives(connection, "BIGNUM", "'" + digits + "'", s -> s.setString(1, digits));
        arrives(connection, "TIME WITH TIME ZONE", "'13:30:00.000001+05:30'", s -> s.setString(1, "13:30:00.000001+05:30"));
        // Described as JSON, so that it is taken for JSON.
        arrives(connection, "VARIANT", "{'a': [1, 2]}", s -> s.setString(1, "{\"a\": [1, 2]}"));
    }

    @Proof.Check
    static void aTextThatIsNoValueOfItsTypeIsRefusedByTheServer(Connection connection) throws Exception {
        Proof.refused("[22P02]", () -> arrives(connection, "ENUM('a', 'b')", "'a'", s -> s.setString(1, "c")));
        Proof.refused("[22P02]", () -> arrives(connection, "BIT", "'1'", s -> s.setString(1, "duck")));
    }

    @Proof.Check
    static void aTextThatIsNoJsonIsRefusedByTheServer(Connection connection) throws Exception {
        Proof.refused("JSON", () -> arrives(connection, "JSON", "NULL", s -> s.setString(1, "duck {")));
    }

    @Proof.Check
    static void aTextThatIsNoJsonIsNoVariant(Connection connection) throws Exception {
        Proof.refused("JSON", () -> arrives(connection, "VARIANT", "NULL", s -> s.setString(1, "duck {")));
    }

    @Proof.Check({"parameter: BLOB", "parameter: UUID", "parameter: GEOMETRY"})
    static void bytes(Connection connection) throws Exception {
        arrives(connection, "BLOB", "'\\x00\\xFF'", s -> s.setBytes(1, new byte[] {0, -1}));
        arrives(connection, "BLOB", "''", s -> s.setObject(1, new byte[0]));
        byte[] uuid = HexFormat.of().parseHex("ffffffff123456789abcdef012345678");
        arrives(connection, "UUID", "'ffffffff-1234-5678-9abc-def012345678'", s -> s.setBytes(1, uuid));
        byte[] point = HexFormat.of().parseHex("0101000000000000000000f03f0000000000000040");
        arrives(connection, "GEOMETRY", "'POINT(1 2)'", s -> s.setBytes(1, point));
    }

    @Proof.Check({"parameter: DATE"})
    static void dates(Connection connection) throws Exception {
        for (String day : new String[] {"2024-02-29", "1969-12-31", "1583-01-01", "9999-12-31"}) {
            arrives(connection, "DATE", "'" + day + "'", s -> s.setDate(1, Date.valueOf(day)));
        }
        arrives(connection, "DATE", "'2024-01-02'", s -> s.setObject(1, Date.valueOf("2024-01-02")));
        arrives(connection, "DATE", "'2024-01-02'", s -> s.setDate(1, Date.valueOf("2024-01-02"), here()));
        arrives(connection, "DATE", "'2024-01-02'", s -> s.setObject(1, "2024-01-02", Types.DATE));
    }

    @Proof.Check({"parameter: TIME"})
    static void times(Connection connection) throws Exception {
        arrives(connection, "TIME", "'03:04:05'", s -> s.setTime(1, Time.valueOf("03:04:05")));
        arrives(connection, "TIME", "'03:04:05'", s -> s.setTime(1, Time.valueOf("03:04:05"), here()));
        arrives(connection, "TIME", "'23:59:59'", s -> s.setObject(1, Time.valueOf("23:59:59")));
    }

    @Proof.Check({"parameter: TIME_NS"})
    static void timesOfNanoseconds(Connection connection) throws Exception {
        arrives(connection, "TIME_NS", "'03:04:05'", s -> s.setTime(1, Time.valueOf("03:04:05")));
    }

    @Proof.Check({"parameter: TIMESTAMP"})
    static void timestamps(Connection connection) throws Exception {
        timestampsOf(connection, "TIMESTAMP");
    }

    @Proof.Check({"parameter: TIMESTAMP_S"})
    static void timestampsOfSeconds(Connection connection) throws Exception {
        Timestamp value = Timestamp.valueOf("1969-07-20 20:17:40");
        arrives(connection, "TIMESTAMP_S", "'1969-07-20 20:17:40'", s -> s.setTimestamp(1, value));
    }

    @Proof.Check({"parameter: TIMESTAMP_MS"})
    static void timestampsOfMilliseconds(Connection connection) throws Exception {
        timestampsOf(connection, "TIMESTAMP_MS");
    }

    @Proof.Check({"parameter: TIMESTAMP_NS"})
    static void timestampsOfNanoseconds(Connection connection) throws Exception {
        timestampsOf(connection, "TIMESTAMP_NS");
    }

    @Proof.Check(value = {"parameter: TIMESTAMP WITH TIME ZONE"},
        because = "the driver sends the time of the clock on the wall as if it were in UTC")
    static void timestampsWithTimeZone(Connection connection) throws Exception {
        Timestamp value = Timestamp.valueOf("2024-01-02 03:04:05.678");
        arrives(connection, "TIMESTAMP WITH TIME ZONE", "'2024-01-02 03:04:05.678+00'", s -> s.setTimestamp(1, value));
    }

    static void timestampsOf(Connection connection, String type) throws Exception {
        for (String text : new String[] {"2024-01-02 03:04:05.678", "1969-07-20 20:17:40.001", "9999-12-31 23:59:59.999"}) {
            // Nanoseconds reach to the year 2262.
            if (!(type.equals("TIMESTAMP_NS") && text.startsWith("9999"))) {
                arrives(connection, type, "'" + text + "'", s -> s.setTimestamp(1, Timestamp.valueOf(text)));
            }
        }
        Timestamp value = Timestamp.valueOf("2024-01-02 03:04:05.678");
        arrives(connection, type, "'2024-01-02 03:04:05.678'", s -> s.setTimestamp(1, value, here()));
        arrives(connection, type, "'2024-01-02 03:04:05.678'", s -> s.setObject(1, value));
    }

    static Calendar here() {
        return Calendar.getInstance(TimeZone.getDefault());
    }

    @Proof.Check
    static void aCalendarTellsTheZoneOfATimestamp(Connection connection) throws Exception {
        Timestamp noon = new Timestamp(1_704_196_800_000L);
        Calendar tokyo = Calendar.getInstance(TimeZone.getTimeZone("Asia/Tokyo"));
        arrives(connection, "TIMESTAMP_MS", "'2024-01-02 21:00:00'", s -> s.setTimestamp(1, noon, tokyo));
    }

    @Proof.Check(lacks = {"parameter: INTERVAL", "parameter: STRUCT", "parameter: MAP", "parameter: UNION"},
        because = "the driver binds no vector of that type", leaks = true)
    static void intervalsAndRecordsAreRefused(Connection connection) throws Exception {
        String refusal = "is not yet supported";
        lacks(connection, "INTERVAL", refusal, s -> s.setObject(1, java.time.Duration.ofHours(1)));
        lacks(connection, "STRUCT(a INTEGER)", refusal, s -> s.setObject(1, java.util.Map.of("a", 1)));
        lacks(connection, "MAP(VARCHAR, INTEGER)", refusal, s -> s.setObject(1, java.util.Map.of("a", 1)));
        lacks(connection, "UNION(i INTEGER, s VARCHAR)", refusal, s -> s.setObject(1, 1));
    }

    @Proof.Check({"parameter: LIST", "parameter: ARRAY"})
    static void arrays(Connection connection) throws Exception {
        Object[] numbers = {1, null, 3};
        arrives(connection, "INTEGER[]", "[1, NULL, 3]", s -> s.setArray(1, connection.createArrayOf("INTEGER", numbers)));
        arrives(connection, "INTEGER[]", "[]", s -> s.setArray(1, connection.createArrayOf("INTEGER", new Object[0])));
        arrives(connection, "VARCHAR[]", "['a', 'ŭ']",
            s -> s.setArray(1, connection.createArrayOf("VARCHAR", new Object[] {"a", "ŭ"})));
        arrives(connection, "DOUBLE[]", "['0.1']",
            s -> s.setArray(1, connection.createArrayOf("DOUBLE", new Object[] {0.1})));
        arrives(connection, "DATE[]", "['2024-01-02']",
            s -> s.setArray(1, connection.createArrayOf("DATE", new Object[] {Date.valueOf("2024-01-02")})));
        arrives(connection, "BIGINT[]", "[1, 2]", s -> s.setObject(1, List.of(1L, 2L)));
        arrives(connection, "INTEGER[3]", "[1, NULL, 3]", s -> s.setArray(1, connection.createArrayOf("INTEGER", numbers)));
        Proof.refused("ARRAY of ARRAY", () -> connection.createArrayOf("ARRAY",
            new Object[] {connection.createArrayOf("INTEGER", numbers)}));
    }

    @Proof.Check(value = {"prepared: NULL", "parameter: NULL"}, leaks = true)
    static void nullsOfEveryType(Connection connection) throws Exception {
        String[] types = {
            "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL(9,2)", "VARCHAR", "ENUM('a', 'b')", "JSON", "UUID", "BLOB", "BIT", "BIGNUM",
            "DATE", "TIME", "TIME_NS", "TIME WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
            "TIMESTAMP WITH TIME ZONE", "INTERVAL", "INTEGER[]", "INTEGER[3]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)",
            "GEOMETRY", "VARIANT",
        };
        for (String type : types) {
            arrives(connection, type, "NULL", s -> s.setNull(1, Types.NULL));
        }
        arrives(connection, "INTEGER", "NULL", s -> s.setObject(1, null));
        arrives(connection, "VARCHAR", "NULL", s -> s.setString(1, null));
        arrives(connection, "DECIMAL(9,2)", "NULL", s -> s.setBigDecimal(1, null));
        lacks(connection, "UNION(i INTEGER)", "setNull() is not supported", s -> s.setNull(1, Types.OTHER));
    }

    /** The driver takes these without a word and fails when the statement is run; the server never hears of them. */
    @Proof.Check(leaks = true)
    static void streamsAndLocatorsAreNotOffered(Connection connection) throws Exception {
        byte[] text = "x".getBytes(StandardCharsets.UTF_8);
        String refusal = "\"typedValue\" is null";
        lacks(connection, "VARCHAR", refusal, s -> s.setCharacterStream(1, new java.io.StringReader("x")));
        lacks(connection, "VARCHAR", refusal, s -> s.setNCharacterStream(1, new java.io.StringReader("x")));
        lacks(connection, "VARCHAR", refusal, s -> s.setAsciiStream(1, new java.io.ByteArrayInputStream(text)));
        lacks(connection, "VARCHAR", refusal, s -> s.setClob(1, new java.io.StringReader("x")));
        lacks(connection, "VARCHAR", refusal, s -> s.setNClob(1, new java.io.StringReader("x")));
        lacks(connection, "VARCHAR", refusal, s -> s.setURL(1, new java.net.URL("http://127.0.0.1/")));
        lacks(connection, "BLOB", refusal, s -> s.setBinaryStream(1, new java.io.ByteArrayInputStream(text)));
        lacks(connection, "BLOB", refusal, s -> s.setBlob(1, new java.io.ByteArrayInputStream(text)));
    }

    /** Of `java.time` and UUID the driver makes objects without a type, and binds none of them. */
    @Proof.Check(leaks = true)
    static void objectsOfNewerClassesAreNotOffered(Connection connection) throws Exception {
        String refusal = "Binding value of type OBJECT is not yet supported";
        lacks(connection, "DATE", refusal, s -> s.setObject(1, java.time.LocalDate.EPOCH));
        lacks(connection, "TIME", refusal, s -> s.setObject(1, java.time.LocalTime.NOON));
        lacks(connection, "TIMESTAMP", refusal, s -> s.setObject(1, java.time.LocalDateTime.MIN));
        lacks(connection, "TIMESTAMP WITH TIME ZONE", refusal, s -> s.setObject(1, java.time.OffsetDateTime.MIN));
        lacks(connection, "TIMESTAMP WITH TIME ZONE", refusal, s -> s.setObject(1, java.time.Instant.EPOCH));
        lacks(connection, "UUID", refusal, s -> s.setObject(1, new java.util.UUID(0, 0)));
    }

    @Proof.Check({"prepared: parameters described"})
    static void parametersAreDescribed(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TEMPORARY TABLE described (i INTEGER, d DECIMAL(9,2), t VARCHAR, w TIMESTAMP)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO described VALUES (?, ?, ?, ?)")) {
            ParameterMetaData parameters = insert.getParameterMetaData();
            Proof.equal("count", 4, parameters.getParameterCount());
            int[] types = {Types.INTEGER, Types.DECIMAL, Types.VARCHAR, Types.TIMESTAMP};
            for (int i = 0; i < types.length; i++) {
                Proof.equal("type of " + (i + 1), types[i], parameters.getParameterType(i + 1));
                Proof.equal("mode", ParameterMetaData.parameterModeIn, parameters.getParameterMode(i + 1));
                Proof.check("not known to be not null", parameters.isNullable(i + 1) != ParameterMetaData.parameterNoNulls);
            }
            Proof.check("signed", parameters.isSigned(1) && !parameters.isSigned(3));
        }
        try (PreparedStatement query = connection.prepareStatement("SELECT 1")) {
            Proof.equal("none", 0, query.getParameterMetaData().getParameterCount());
        }
    }

    @Proof.Check({"prepared: parameter without a type"})
    static void aParameterOfNoKnownTypeIsAText(Connection connection) throws Exception {
        try (PreparedStatement query = connection.prepareStatement("SELECT ? AS v")) {
            Proof.equal("type", Types.VARCHAR, query.getParameterMetaData().getParameterType(1));
            query.setString(1, "duck");
            try (ResultSet rows = query.executeQuery()) {
                Proof.check("a row", rows.next());
                Proof.equal("value", "duck", rows.getString("v"));
            }
        }
    }

    @Proof.Check(value = {"prepared: wrong number of parameters refused"}, leaks = true)
    static void aMissingParameterIsRefused(Connection connection) throws Exception {
        try (PreparedStatement query = connection.prepareStatement("SELECT ?::INTEGER + ?::INTEGER")) {
            query.setInt(1, 1);
            Proof.refused("null", query::executeQuery);
            Proof.refused("out of range", () -> query.setInt(3, 1));
            query.setInt(2, 2);
            try (ResultSet rows = query.executeQuery()) {
                Proof.check("a row", rows.next());
                Proof.equal("sum", 3, rows.getInt(1));
            }
        }
    }

    @Proof.Check(lacks = {"prepared: parameters by name"}, because = "JDBC has parameters by position alone")
    static void namedParametersAreSetInTheOrderOfTheirAppearance(Connection connection) throws Exception {
        try (PreparedStatement query = connection.prepareStatement("SELECT $last::INTEGER - $first::INTEGER")) {
            query.setInt(1, 10);
            query.setInt(2, 1);
            try (ResultSet rows = query.executeQuery()) {
                Proof.check("a row", rows.next());
                Proof.equal("difference", 9, rows.getInt(1));
            }
        }
    }
}

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;

/** Large results, and several at once. */
public class Streaming {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Streaming.class, arguments);
    }

    @Proof.Check({"statement: a million rows"})
    static void aMillionRowsComeInTheirOrder(Connection connection) throws Exception {
        String sql = "SELECT i, 'row ' || i AS t, CASE WHEN i % 3 = 0 THEN NULL ELSE i * 0.5::DOUBLE END AS d FROM range(1000000) t(i)";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            long count = 0;
            while (rows.next()) {
                if (rows.getLong(1) != count || !rows.getString(2).equals("row " + count)) {
                    throw new AssertionError("row " + count + " is " + rows.getLong(1) + " " + rows.getString(2));
                }
                double half = rows.getDouble(3);
                if (rows.wasNull() != (count % 3 == 0) || half != (count % 3 == 0 ? 0 : count * 0.5)) {
                    throw new AssertionError("row " + count + " has " + half);
                }
                count++;
            }
            Proof.equal("rows", 1_000_000L, count);
        }
    }

    @Proof.Check
    static void wideRowsCome(Connection connection) throws Exception {
        String sql = "SELECT i, repeat(chr(97 + (i % 26)::INTEGER), 50000) AS t FROM range(2000) t(i)";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            int count = 0;
            while (rows.next()) {
                String text = rows.getString("t");
                Proof.check("row " + count, text.length() == 50_000 && text.charAt(49_999) == (char) ('a' + count % 26));
                count++;
            }
            Proof.equal("rows", 2000, count);
        }
    }

    @Proof.Check({"statement: two results read in turns"})
    static void twoResultsAreReadInTurns(Connection connection) throws Exception {
        try (Statement one = connection.createStatement(); Statement other = connection.createStatement();
                Statement writer = connection.createStatement();
                ResultSet up = one.executeQuery("SELECT i FROM range(500000) t(i)");
                ResultSet down = other.executeQuery("SELECT -i AS i FROM range(500000) t(i)")) {
            writer.execute("CREATE OR REPLACE TABLE between_reads (i BIGINT)");
            long count = 0;
            while (up.next() && down.next()) {
                if (up.getLong(1) != count || down.getLong(1) != -count) {
                    throw new AssertionError("row " + count + ": " + up.getLong(1) + " and " + down.getLong(1));
                }
                if (count++ % 100_000 == 0) {
                    Proof.equal("written", 1, writer.executeUpdate("INSERT INTO between_reads VALUES (" + count + ")"));
                }
            }
            Proof.equal("rows", 500_000L, count);
        }
        Proof.equal("written", 5L, Proof.value(connection, "SELECT count(*) FROM between_reads"));
    }

    /** The size is a hint, and the server cuts its batches by their bytes whatever it is. */
    @Proof.Check({"statement: fetch size"})
    static void anyFetchSizeIsTaken(Connection connection) throws Exception {
        for (int size : new int[] {1, 7, 100_000}) {
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(size);
                Proof.equal("size", size, statement.getFetchSize());
                try (ResultSet rows = statement.executeQuery("SELECT i FROM range(10000) t(i)")) {
                    int count = 0;
                    while (rows.next()) {
                        count++;
                    }
                    Proof.equal("rows", 10_000, count);
                }
            }
        }
    }

    @Proof.Check
    static void halfReadResultsAreClosedByTheNext(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            for (int i = 0; i < 20; i++) {
                ResultSet rows = statement.executeQuery("SELECT * FROM flights, range(10)");
                Proof.check("a row", rows.next());
            }
        }
        Proof.equal("goes on", 1, Proof.value(connection, "SELECT 1"));
    }
}

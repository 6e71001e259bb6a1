import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Statements with and without rows: what is counted, what comes, and that nothing runs twice. */
public class Statements {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Statements.class, arguments);
    }

    static long count(Connection connection, String table) throws SQLException {
        return (Long) Proof.value(connection, "SELECT count(*) FROM " + table);
    }

    @Proof.Check({"statement: rows of a query", "statement: empty result"})
    static void aQueryGivesItsRows(Connection connection) throws Exception {
        String sql = "SELECT carrier, name FROM airlines ORDER BY carrier LIMIT 2";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            Proof.check("before the first", rows.isBeforeFirst());
            Proof.check("a row", rows.next());
            Proof.equal("first", "9E", rows.getString("carrier"));
            Proof.equal("place", 2, rows.findColumn("NAME"));
            Proof.equal("number", 1, rows.getRow());
            Proof.check("a row", rows.next());
            Proof.equal("second", "American Airlines Inc.", rows.getString(2));
            Proof.check("the end", !rows.next() && !rows.next());
            Proof.refused("", () -> rows.getString("no such column"));
        }
        // By a plain statement the driver shows the columns of an empty result twice.
        String none = "SELECT carrier, 1 AS one FROM airlines WHERE false";
        try (PreparedStatement statement = connection.prepareStatement(none); ResultSet rows = statement.executeQuery()) {
            Proof.equal("columns", 2, rows.getMetaData().getColumnCount());
            Proof.check("no row", !rows.next());
        }
    }

    @Proof.Check({"update: count of INSERT, UPDATE, DELETE", "update: applied exactly once", "statement: definition",
        "update: count of a definition"})
    static void changesAreCountedAndAppliedOnce(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE SEQUENCE numbers_once");
        try (Statement statement = connection.createStatement()) {
            Proof.check("a definition has no rows", !statement.execute("CREATE OR REPLACE TABLE once (n INTEGER)"));
            Proof.equal("definition", 0, statement.getUpdateCount());
            Proof.equal("index", 0, statement.executeUpdate("CREATE INDEX once_n ON once (n)"));
            String insert = "INSERT INTO once VALUES (nextval('numbers_once')), (nextval('numbers_once'))";
            Proof.equal("inserted", 2, statement.executeUpdate(insert));
            Proof.equal("updated", 2L, statement.executeLargeUpdate("UPDATE once SET n = n + 10"));
            Proof.equal("deleted", 1, statement.executeUpdate("DELETE FROM once WHERE n = 11"));
            Proof.equal("none deleted", 0, statement.executeUpdate("DELETE FROM once WHERE n = 11"));
        }
        Proof.equal("no statement ran twice", 3L, Proof.value(connection, "SELECT nextval('numbers_once')"));
        Proof.equal("rows", 1L, count(connection, "once"));
    }

    @Proof.Check({"update: count of CREATE TABLE AS"})
    static void theRowsOfATableThatIsMadeAreCounted(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            Proof.equal("made", 3, statement.executeUpdate("CREATE OR REPLACE TABLE made AS SELECT * FROM range(3)"));
        }
    }

    @Proof.Check({"update: count of MERGE"})
    static void otherChangesAreCounted(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE OR REPLACE TABLE merged (i INTEGER PRIMARY KEY, t VARCHAR)");
            statement.executeUpdate("INSERT INTO merged VALUES (1, 'old'), (2, 'old')");
            String merge = "MERGE INTO merged USING (VALUES (2, 'new'), (3, 'new')) AS n(i, t) ON merged.i = n.i"
                + " WHEN MATCHED THEN UPDATE SET t = n.t WHEN NOT MATCHED THEN INSERT VALUES (n.i, n.t)";
            Proof.equal("merged", 2, statement.executeUpdate(merge));
            Proof.equal("upserted", 1,
                statement.executeUpdate("INSERT INTO merged VALUES (3, 'newer') ON CONFLICT DO UPDATE SET t = excluded.t"));
        }
        Proof.equal("rows", 3L, count(connection, "merged"));
    }

    @Proof.Check({"update: RETURNING"})
    static void whatReturnsRowsIsAQueryThatRunsOnce(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE returned (i INTEGER, t VARCHAR)");
        try (Statement statement = connection.createStatement()) {
            Proof.check("rows", statement.execute("INSERT INTO returned VALUES (1, 'a'), (2, 'b') RETURNING i, t"));
            Proof.equal("texts", List.of("a", "b"), Proof.column(statement.getResultSet(), "t"));
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO returned VALUES (?, ?) RETURNING i * 10 AS x")) {
            for (int i = 3; i <= 4; i++) {
                insert.setInt(1, i);
                insert.setString(2, "c");
                Proof.equal("returned", List.of(i + "0"), Proof.column(insert.executeQuery(), "x"));
            }
        }
        Proof.equal("rows", 4L, count(connection, "returned"));
    }

    @Proof.Check
    static void theResultsOfAStatementFollowTheProtocol(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE followed (i INTEGER)");
        try (Statement statement = connection.createStatement()) {
            Proof.check("rows", statement.execute("SELECT 1 AS one"));
            Proof.equal("no count", -1, statement.getUpdateCount());
            ResultSet rows = statement.getResultSet();
            Proof.check("a row", rows.next());
            Proof.check("no more", !statement.getMoreResults());
            Proof.equal("nor a count", -1, statement.getUpdateCount());
            Proof.check("its result is closed by that", rows.isClosed());
            Proof.check("no rows", !statement.execute("INSERT INTO followed VALUES (1), (2)"));
            Proof.equal("a count", 2, statement.getUpdateCount());
            Proof.equal("as a long", 2L, statement.getLargeUpdateCount());
            Proof.equal("no result", null, statement.getResultSet());
            Proof.check("no more", !statement.getMoreResults());
            Proof.equal("no more counts", -1, statement.getUpdateCount());
        }
        Proof.equal("rows", 2L, count(connection, "followed"));
    }

    @Proof.Check
    static void aStatementIsRunAgainAndAgain(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            ResultSet last = null;
            for (int i = 0; i < 50; i++) {
                ResultSet rows = statement.executeQuery("SELECT " + i + " AS i");
                Proof.check("the one before is closed", last == null || last.isClosed());
                Proof.check("a row", rows.next());
                Proof.equal("value", i, rows.getInt(1));
                last = rows;
            }
            statement.close();
            Proof.check("closed", statement.isClosed());
            Proof.refused("", () -> statement.executeQuery("SELECT 1"));
        }
    }

    @Proof.Check
    static void anUpdateIsNoQueryAndRunsOnce(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE strict (i INTEGER)");
        try (Statement statement = connection.createStatement()) {
            Proof.refused("did not return a result set", () -> statement.executeQuery("INSERT INTO strict VALUES (1)"));
        }
        Proof.equal("rows", 1L, count(connection, "strict"));
    }

    /** The driver takes whatever is prepared and executed without saying what for, for a query. */
    @Proof.Check
    static void aPreparedUpdateThatIsExecutedAsAQueryRunsOnce(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE unsaid (i INTEGER)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO unsaid SELECT unnest([1, ?::INTEGER])")) {
            insert.setInt(1, 2);
            insert.execute();
            try (ResultSet rows = insert.getResultSet()) {
                Proof.check("a row", rows.next());
                Proof.equal("count", 2L, rows.getLong("Count"));
            }
        }
        Proof.equal("rows", 2L, count(connection, "unsaid"));
    }

    @Proof.Check({"prepared: query", "prepared: update", "prepared: run again with other values", "prepared: columns described"})
    static void preparedStatementsAreRunWithOtherValues(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE again (i INTEGER, t VARCHAR)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO again VALUES (?, ?)")) {
            for (int i = 0; i < 10; i++) {
                insert.setInt(1, i);
                insert.setString(2, "row " + i);
                Proof.equal("inserted", 1, insert.executeUpdate());
            }
            Proof.equal("the values stay", 1, insert.executeUpdate());
        }
        Proof.equal("rows", 11L, count(connection, "again"));
        try (PreparedStatement query = connection.prepareStatement("SELECT t, i FROM again WHERE i = ? ORDER BY ALL")) {
            Proof.equal("columns", 2, query.getMetaData().getColumnCount());
            Proof.equal("column", "t", query.getMetaData().getColumnName(1));
            for (int i : new int[] {3, 9, 77}) {
                query.setInt(1, i);
                List<String> expected = i == 3 ? List.of("row 3") : i == 9 ? List.of("row 9", "row 9") : List.of();
                Proof.equal("found", expected, Proof.column(query.executeQuery(), "t"));
            }
        }
    }

    @Proof.Check
    static void aPreparedStatementSeesATableThatHasChanged(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE altered (i INTEGER)", "INSERT INTO altered VALUES (1)");
        try (PreparedStatement query = connection.prepareStatement("SELECT i FROM altered WHERE i = ?")) {
            query.setInt(1, 1);
            Proof.equal("found", List.of("1"), Proof.column(query.executeQuery(), "i"));
            Proof.execute(connection, "DROP TABLE altered");
            Proof.refused("[42P01]", query::executeQuery);
            Proof.execute(connection, "CREATE TABLE altered (i INTEGER)", "INSERT INTO altered VALUES (1), (1)");
            Proof.equal("found", List.of("1", "1"), Proof.column(query.executeQuery(), "i"));
        }
    }

    @Proof.Check(lacks = {"prepared: query over many rows"}, because = "the driver has batches for updates alone")
    static void aQueryIsNoBatch(Connection connection) throws Exception {
        try (PreparedStatement query = connection.prepareStatement("SELECT ?::INTEGER AS i")) {
            query.setInt(1, 1);
            query.addBatch();
            query.setInt(1, 2);
            query.addBatch();
            Proof.check("rows of a batch are nowhere", query.executeBatch().length == 1 && query.getResultSet() == null);
        }
    }

    @Proof.Check({"statement: several in one text"})
    static void severalStatementsInOneText(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE OR REPLACE TABLE several (i INTEGER); INSERT INTO several VALUES (1), (2)");
            Proof.equal("of the last", 3,
                statement.executeUpdate("DELETE FROM several WHERE i = 1; INSERT INTO several VALUES (3), (4), (5)"));
        }
        Proof.equal("each ran once", 4L, count(connection, "several"));
    }

    @Proof.Check
    static void rowsAfterAChangeInOneTextAreSeen(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE followed_by_rows (i INTEGER)");
        try (Statement statement = connection.createStatement()) {
            String sql = "INSERT INTO followed_by_rows VALUES (3); SELECT sum(i)::INTEGER AS s FROM followed_by_rows";
            Proof.check("rows", statement.execute(sql));
            Proof.equal("sum", List.of("3"), Proof.column(statement.getResultSet(), "s"));
        }
    }

    @Proof.Check({"statement: schema known only after a run", "prepared: columns known only after a run"})
    static void aStatementWhoseColumnsAreKnownAfterItHasRun(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE pivoted AS SELECT * FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) t(k, v)");
        try (PreparedStatement statement = connection.prepareStatement("PIVOT pivoted ON k USING sum(v)::INTEGER");
                ResultSet rows = statement.executeQuery()) {
            Proof.equal("columns", 2, rows.getMetaData().getColumnCount());
            Proof.check("a row", rows.next());
            Proof.equal("a", 4, rows.getInt("a"));
            Proof.equal("b", 2, rows.getInt("b"));
        }
    }

    @Proof.Check
    static void suchAStatementNeedsNotBePreparedByItsUser(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE turned AS SELECT * FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) t(k, v)");
        try (Statement statement = connection.createStatement()) {
            Proof.equal("a", List.of("4"), Proof.column(statement.executeQuery("PIVOT turned ON k USING sum(v)::INTEGER"), "a"));
        }
    }

    @Proof.Check
    static void namesAreAsTheQueryHasThem(Connection connection) throws Exception {
        String sql = "SELECT 1 AS \"Mixed Case\", 2 AS \"mixed\"\"quote\", 3 AS same, 4 AS same, 5";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            List<String> names = new ArrayList<>();
            for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                names.add(rows.getMetaData().getColumnLabel(i));
            }
            Proof.equal("names", List.of("Mixed Case", "mixed\"quote", "same", "same", "5"), names);
            Proof.check("a row", rows.next());
            for (int i = 1; i <= 5; i++) {
                Proof.equal("by its place", i, rows.getInt(i));
            }
            Proof.equal("the first of the name", 3, rows.getInt("same"));
        }
    }

    @Proof.Check
    static void atMostSoManyRows(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.setMaxRows(7);
            try (ResultSet rows = statement.executeQuery("SELECT range AS i FROM range(1000)")) {
                int found = 0;
                while (rows.next()) {
                    found++;
                }
                Proof.equal("rows", 7, found);
            }
        }
    }

    @Proof.Check
    static void aStatementClosesOnCompletion(Connection connection) throws Exception {
        Statement statement = connection.createStatement();
        statement.closeOnCompletion();
        Proof.equal("one", List.of("1"), Proof.column(statement.executeQuery("SELECT 1 AS one"), "one"));
        Proof.check("closed", statement.isClosed());
    }

    /** The system property `writable` is a folder that the server may write to. */
    @Proof.Check({"update: count of COPY"})
    static void theRowsOfACopyAreCounted(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            String file = System.getProperty("writable") + "/copied.csv";
            Proof.equal("copied", 3, statement.executeUpdate("COPY (SELECT * FROM range(3)) TO '" + file + "'"));
            statement.execute("CREATE OR REPLACE TABLE copied (i BIGINT)");
            Proof.equal("copied back", 3, statement.executeUpdate("COPY copied FROM '" + file + "'"));
            Proof.refused("[42501]", () -> statement.executeUpdate("COPY (SELECT 1) TO '/tmp/pintail-copy.csv'"));
        }
        Proof.equal("rows", 3L, count(connection, "copied"));
    }

    @Proof.Check(lacks = {"parameter encoding: *", "ingest: *", "poll: *", "partition: *", "exchange: *", "action: *",
        "cancel: by FlightInfo"}, because = "JDBC has no call for it")
    static void whatTheDriverHasNotIsRefused(Connection connection) throws Exception {
        Proof.refused("", () -> connection.prepareCall("{call nothing()}"));
        Proof.refused("", () -> connection.setSavepoint());
        Proof.refused("", () -> connection.createBlob());
        Proof.refused("", () -> connection.createStruct("s", new Object[0]));
        Proof.refused("", () -> connection.prepareStatement("SELECT 1", Statement.RETURN_GENERATED_KEYS).getGeneratedKeys().next());
    }
}

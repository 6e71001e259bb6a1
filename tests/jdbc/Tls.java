import java.sql.Connection;
import java.sql.DriverManager;

/**
 * A server that has a certificate, and wants one of its clients. The system property `authority` is the file of what has
 * signed them, `url` the JDBC URL with the user's credentials and no certificates.
 */
public class Tls {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Tls.class, arguments);
    }

    @Proof.Check({"connect: TLS", "connect: client certificate"})
    static void withACertificateOfOnesOwn(Connection connection) throws Exception {
        Proof.equal("answer", 42, Proof.value(connection, "SELECT 42"));
    }

    @Proof.Check
    static void withoutACertificateOfOnesOwn(Connection connection) throws Exception {
        String url = System.getProperty("url");
        Proof.refused("", () -> DriverManager.getConnection(url + "&tlsRootCerts=" + System.getProperty("authority")).close());
    }

    @Proof.Check
    static void withoutTrustInTheServer(Connection connection) throws Exception {
        Proof.refused("", () -> DriverManager.getConnection(System.getProperty("url")).close());
    }
}

//! What to try next: lines to copy and paste.

use super::server::Ready;

/// How to connect with Python and JDBC.
pub(super) fn hints(ready: &Ready) -> String {
    let Ready { flight, user, password, .. } = ready;
    let address = flight.trim_start_matches("grpc://");
    format!(
        r#"A shell:

    PINTAIL_PASSWORD='{password}' pintail sql {flight} --user {user}

Python, with ADBC (pip install adbc-driver-flightsql pyarrow):

    import adbc_driver_flightsql.dbapi as flightsql

    login = {{"username": "{user}", "password": "{password}"}}
    with flightsql.connect("{flight}", db_kwargs=login) as connection, connection.cursor() as cursor:
        cursor.execute("{QUERY}")
        print(cursor.fetch_arrow_table())

Python, with pyarrow alone (pip install pyarrow):

    import pyarrow.flight as flight

    def field(tag, data):
        size, rest = b"", len(data)
        while rest > 127:
            size, rest = size + bytes([rest & 127 | 128]), rest >> 7
        return bytes([tag]) + size + bytes([rest]) + data

    name = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
    command = field(10, name) + field(18, field(10, b"{QUERY}"))
    client = flight.FlightClient("{flight}")
    options = flight.FlightCallOptions(headers=[client.authenticate_basic_token("{user}", "{password}")])
    info = client.get_flight_info(flight.FlightDescriptor.for_command(command), options)
    print(client.do_get(info.endpoints[0].ticket, options).read_all())

JDBC, with the Arrow Flight SQL driver (Java needs --add-opens=java.base/java.nio=ALL-UNNAMED):

    jdbc:arrow-flight-sql://{address}?useEncryption=false&user={user}&password={password}

Health:

    curl {health}/healthz
"#,
        health = ready.http,
    )
}

const QUERY: &str = "SELECT carrier, count(*) AS flights FROM flights GROUP BY carrier ORDER BY flights DESC";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_have_the_address_and_the_login_in_them() {
        let ready = Ready {
            flight: "grpc://127.0.0.1:31337".into(),
            http: "http://127.0.0.1:31338".into(),
            user: "pintail".into(),
            password: "secret".into(),
        };
        let text = hints(&ready);
        assert!(
            text.contains("jdbc:arrow-flight-sql://127.0.0.1:31337?useEncryption=false&user=pintail&password=secret")
        );
        assert!(text.contains("PINTAIL_PASSWORD='secret' pintail sql grpc://127.0.0.1:31337 --user pintail\n"));
        assert_eq!(text.matches("\"grpc://127.0.0.1:31337\"").count(), 2);
        assert!(text.contains("curl http://127.0.0.1:31338/healthz"));
        assert!(text.contains(r#"{"username": "pintail", "password": "secret"}"#));
    }
}

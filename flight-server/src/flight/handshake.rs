//! Handshake: credentials in the request's headers, the session's token in the response's. Clients of Flight's older way put
//! both into messages instead, and the token into the header `auth-token-bin` of their calls.

use std::time::Duration;

use arrow_flight::{BasicAuth, HandshakeRequest, HandshakeResponse};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use prost::Message;
use tonic::Status;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};

/// The header of a call with the token that a handshake's message handed out; in base64, as all of gRPC's binary headers.
const TOKEN_HEADER: &str = "auth-token-bin";

const BEARER: &str = "Bearer ";

/// gRPC asks for no padding, and some clients pad.
const BINARY_HEADER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How long a handshake waits for the message with the credentials.
const PATIENCE: Duration = Duration::from_secs(30);

/// The request with the token of `auth-token-bin`, if there is one and nothing else says who is calling, where tokens are
/// looked for.
pub(super) fn with_token_where_it_is_looked_for<B>(mut request: Request<B>) -> Request<B> {
    take_token_header(request.headers_mut());
    request
}

fn take_token_header(headers: &mut HeaderMap) {
    if headers.contains_key(AUTHORIZATION) {
        return;
    }
    let Some(token) = headers.remove(TOKEN_HEADER).and_then(|value| BINARY_HEADER.decode(value.as_bytes()).ok()) else {
        return;
    };
    let token = Zeroizing::new(token);
    if !token.is_empty() {
        insert(headers, &[BEARER.as_bytes(), &token].concat());
    }
}

/// Puts the credentials of the first message, where the headers have none, to where credentials are looked for; whether there
/// were any.
///
/// # Errors
/// `CREDENTIALS_MALFORMED` when the message has something else.
pub(super) async fn take_credentials<S>(headers: &mut HeaderMap, messages: &mut S) -> Result<bool>
where
    S: Stream<Item = Result<HandshakeRequest, Status>> + Unpin,
{
    if headers.contains_key(AUTHORIZATION) {
        return Ok(false);
    }
    // Without a message it is as without the header: nobody said who is calling.
    let Ok(Some(Ok(message))) = tokio::time::timeout(PATIENCE, messages.next()).await else { return Ok(false) };
    if message.payload.is_empty() {
        return Ok(false);
    }
    let BasicAuth { username, password } = BasicAuth::decode(message.payload).map_err(|_| malformed())?;
    let password = Zeroizing::new(password);
    if username.contains(':') {
        return Err(malformed());
    }
    let encoded = Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("{username}:{}", *password)).as_bytes()));
    insert(headers, format!("Basic {}", *encoded).as_bytes());
    Ok(true)
}

/// The messages a handshake is answered with: none, once the client has said all it wants to say; but the token of `answer`
/// at once for a client that sent its credentials by message.
///
/// A message would make some drivers keep to the handshake's token for ever, and it has nothing to say that the header
/// has not. What else the client sends is not looked at.
pub(super) fn answer<S>(
    messages: S,
    by_message: bool,
    answer: &HeaderMap,
) -> BoxStream<'static, Result<HandshakeResponse, Status>>
where
    S: Stream<Item = Result<HandshakeRequest, Status>> + Send + 'static,
{
    let token = answer.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix(BEARER));
    let first = token
        .filter(|_| by_message)
        .map(|token| Ok(HandshakeResponse { protocol_version: 0, payload: token.to_owned().into() }));
    let rest =
        messages.take_while(|message| std::future::ready(message.is_ok())).filter_map(|_| std::future::ready(None));
    stream::iter(first).chain(rest).boxed()
}

fn insert(headers: &mut HeaderMap, value: &[u8]) {
    // A token with bytes that no header has is left out: it is none of ours.
    if let Ok(mut value) = HeaderValue::from_bytes(value) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}

fn malformed() -> Error {
    Error::new(
        ErrorCode::CredentialsMalformed,
        "the message of the handshake is no BasicAuth with a user name, which has no colon, and a password",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_header_is_read_with_and_without_padding_and_beside_no_other() {
        for (sent, found) in
            [("cHQxLng", Some("Bearer pt1.x")), ("cHQxLng=", Some("Bearer pt1.x")), ("", None), ("%", None)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(TOKEN_HEADER, HeaderValue::from_str(sent).unwrap());
            take_token_header(&mut headers);
            assert_eq!(headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap()), found, "{sent}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer other"));
        headers.insert(TOKEN_HEADER, HeaderValue::from_static("cHQxLng"));
        take_token_header(&mut headers);
        assert_eq!(headers[AUTHORIZATION], "Bearer other");
    }

    #[tokio::test]
    async fn credentials_of_a_message_become_those_of_a_header() {
        let sent = |payload: Vec<u8>| HandshakeRequest { protocol_version: 0, payload: payload.into() };
        let of = |username: &str| BasicAuth { username: username.into(), password: "pa:ss".into() }.encode_to_vec();
        let take = async |messages: Vec<HandshakeRequest>| {
            let mut headers = HeaderMap::new();
            let taken = take_credentials(&mut headers, &mut stream::iter(messages.into_iter().map(Ok))).await;
            taken.map(|taken| taken.then(|| headers[AUTHORIZATION].to_str().unwrap().to_owned()))
        };
        assert_eq!(take(vec![sent(of("ann"))]).await.unwrap().as_deref(), Some("Basic YW5uOnBhOnNz"));
        assert_eq!(take(vec![]).await.unwrap(), None);
        assert_eq!(take(vec![sent(vec![])]).await.unwrap(), None);
        for odd in [of("an:n"), b"\xff\xff".to_vec()] {
            assert_eq!(take(vec![sent(odd)]).await.unwrap_err().code, ErrorCode::CredentialsMalformed);
        }
    }
}

//! Handshake: credentials in the request's headers, the session's token in the response's.

use arrow_flight::{HandshakeRequest, HandshakeResponse};
use futures::{Stream, StreamExt};
use tonic::{Status, Streaming};

/// The messages a handshake is answered with: none, once the client has said all it wants to say.
///
/// A message would make some drivers keep to the handshake's token for ever, and it has nothing to say that the header
/// has not. What the client sends is not looked at, since the credentials are in its headers.
pub(super) fn answer(
    messages: Streaming<HandshakeRequest>,
) -> impl Stream<Item = Result<HandshakeResponse, Status>> + Send + 'static {
    messages.take_while(|message| std::future::ready(message.is_ok())).filter_map(|_| std::future::ready(None))
}

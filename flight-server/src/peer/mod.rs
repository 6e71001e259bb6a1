//! Calls that another node must serve: forwarded to it byte for byte, and taken from it.
//!
//! A call that reaches a node which does not hold its session is passed on as it is, over HTTP/2: headers, messages,
//! trailers, deadline and cancellation, in both directions at once. It is passed on at most once, so it cannot go in
//! circles: a node that gets a call from a peer serves it, or says that it cannot.
//!
//! | file | what it is about |
//! |---|---|
//! | `edge` | what stands in front of the RPCs: the port of clients, or that of peers |
//! | `forward` | finds the node, sends the call there, and holds it while that node may still come back |
//! | `links`, `link`, `dial` | connections to peers; they end when their peer does |
//! | `badge` | shows that a call is a peer's |
//! | `replay` | a request that can be sent again |
//! | `relay` | an answer on its way to the client |
//! | `outliving` | a peer's call that goes on when the peer dies |

mod badge;
mod dial;
mod edge;
mod forward;
mod link;
mod links;
mod outliving;
mod relay;
mod replay;
mod tls;

pub use self::badge::Badges;
pub(crate) use self::badge::FromPeer;
#[cfg(test)]
pub(crate) use self::dial::{Dial, Stream};
pub(crate) use self::edge::{Callers, EdgeLayer};
pub use self::forward::Forwarder;
pub(crate) use self::link::{CONNECTION_WINDOW, FRAME};
pub use self::tls::{PeerTls, PeerTlsError};

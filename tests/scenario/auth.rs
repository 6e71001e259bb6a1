//! `auth:basic_proto`: a call without credentials is refused; a handshake with them in its message gives a token, and a call
//! with that in its header is answered with the name of the user.

use arrow_flight::Action;
use async_trait::async_trait;
use bytes::Bytes;
use flight_server::auth::{Credentials, Users, UsersError};
use flight_server::error::{Error, ErrorCode, Result};
use flight_server::flight::Handlers;
use flight_server::node::Origin;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::script::unexpected;

const USER: &str = "arrow";
const PASSWORD: &str = "flight";
/// In this scenario the token is the user's name.
const TOKEN: &str = USER;

pub(crate) struct BasicProto {
    users: Users,
}

impl BasicProto {
    pub(crate) fn new() -> std::result::Result<Self, UsersError> {
        Ok(Self { users: Users::single(USER, PASSWORD)? })
    }
}

/// Whether the call is answered with a token.
pub(crate) struct Entered {
    anew: bool,
}

#[async_trait]
impl Handlers for BasicProto {
    type Call = Entered;

    async fn enter(&self, headers: &HeaderMap, _: Origin) -> Result<Entered> {
        match Credentials::from_headers(headers)? {
            Credentials::Basic { user, password } => {
                self.users.verify(&user, &password).await?;
                Ok(Entered { anew: true })
            }
            Credentials::Bearer(token) if *token == TOKEN => Ok(Entered { anew: false }),
            Credentials::Bearer(_) => Err(Error::new(ErrorCode::TokenUnknown, "the token is not the one handed out")),
        }
    }

    fn headers(&self, call: &Entered) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if call.anew {
            headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer arrow"));
        }
        headers
    }

    async fn other(&self, _: &Entered, action: Action) -> Result<Option<Bytes>> {
        match action.r#type.as_str() {
            "" => Ok(Some(Bytes::from_static(USER.as_bytes()))),
            other => Err(unexpected(other)),
        }
    }
}

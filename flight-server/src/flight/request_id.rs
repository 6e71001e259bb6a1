//! The id that a client gives a write it may send again.

use http::HeaderMap;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};

/// The header that carries it.
const HEADER: &str = "x-pintail-request-id";

/// The id that a call carries, if it carries one.
///
/// # Errors
/// `REQUEST_INVALID` when it is no UUID, or there are several.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Uuid>> {
    in_header(headers, HEADER)
}

/// The id in a header, if it is there.
///
/// # Errors
/// `REQUEST_INVALID` when it is no UUID, or there are several.
pub(super) fn in_header(headers: &HeaderMap, header: &str) -> Result<Option<Uuid>> {
    let mut values = headers.get_all(header).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let id = first.to_str().ok().and_then(|text| Uuid::try_parse(text).ok());
    match (id, values.next()) {
        (Some(id), None) => Ok(Some(id)),
        _ => Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("{header} must be one UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91: one for each write"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_uuid_is_an_id_and_anything_else_is_an_error() {
        let mut headers = HeaderMap::new();
        assert_eq!(of(&headers).unwrap(), None);
        let text = "0190163d-8694-739b-aea5-966c26f8ad91";
        headers.append(HEADER, HeaderValue::from_static(text));
        assert_eq!(of(&headers).unwrap(), Some(Uuid::parse_str(text).unwrap()));
        headers.append(HEADER, HeaderValue::from_static(text));
        assert_eq!(of(&headers).unwrap_err().code, ErrorCode::RequestInvalid);
        headers.insert(HEADER, HeaderValue::from_static("1"));
        assert_eq!(of(&headers).unwrap_err().code, ErrorCode::RequestInvalid);
    }
}

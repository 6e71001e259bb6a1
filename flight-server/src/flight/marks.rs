//! The place of each batch in its result, by which a client goes on with a result that broke off.
//!
//! Every batch carries, as its metadata, how many batches there were up to it and a digest of what they held. A client sends
//! the last of these with the ticket again. The rows are computed anew, by any node, and cut alike; those that the client has are
//! compared by their digest, and not sent.

use std::hash::Hasher as _;

use bytes::Bytes;
use http::HeaderMap;
use twox_hash::xxhash3_64;

use crate::error::{Error, ErrorCode, Result};
use crate::failpoint::failpoint;

/// The header that carries the mark of the last batch a client has.
const HEADER: &str = "x-pintail-resume";

/// The header of a client that comes again after a break.
const COMES_AGAIN: &str = "x-pintail-resumable";

/// Whether a call's client comes again when its result breaks off.
pub(crate) fn comes_again(headers: &HeaderMap) -> bool {
    headers.get(COMES_AGAIN).is_some_and(|value| value == "1")
}

/// A place in a result: behind so many batches, which had this digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// How many batches there were; at least one.
    batches: u64,
    /// XXH3 of their bodies, one after the other.
    digest: u64,
}

impl Mark {
    /// The place that a call wants its rows from; `None` for their beginning.
    ///
    /// # Errors
    /// `REQUEST_INVALID` when it is no mark, or there are several.
    pub(super) fn of_call(headers: &HeaderMap) -> Result<Option<Self>> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(first) = values.next() else { return Ok(None) };
        match (first.to_str().ok().and_then(Self::parse), values.next()) {
            (Some(mark), None) => Ok(Some(mark)),
            _ => Err(Error::new(
                ErrorCode::RequestInvalid,
                format!("{HEADER} must be the metadata of the last batch that came, such as 12;9ae16a3b2f90404f"),
            )),
        }
    }

    /// Reads one from a batch's metadata.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (batches, digest) = text.split_once(';')?;
        let is = |text: &str, digit: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(digit);
        if !is(batches, u8::is_ascii_digit) || !is(digest, u8::is_ascii_hexdigit) || digest.len() != 16 {
            return None;
        }
        let (batches, digest) = (batches.parse().ok()?, u64::from_str_radix(digest, 16).ok()?);
        (batches > 0).then_some(Self { batches, digest })
    }

    /// As it stands in a batch's metadata.
    pub(super) fn text(self) -> String {
        format!("{};{:016x}", self.batches, self.digest)
    }

    /// How many batches there were.
    pub(super) fn batches(self) -> u64 {
        self.batches
    }
}

/// Marks the batches of a result, from its first one on.
pub struct Marks {
    batches: u64,
    // Boxed: it is large, and most of it is scratch.
    digest: Box<xxhash3_64::Hasher>,
    /// What the client has, until that is passed.
    behind: Option<Mark>,
}

impl Marks {
    /// Those of a result of which the client has what lies before `behind`.
    pub fn new(behind: Option<Mark>) -> Self {
        Self { batches: 0, digest: Box::default(), behind }
    }

    /// The mark of the next batch, whose body is in these pieces, if it is to be sent.
    ///
    /// # Errors
    /// `RESULT_CHANGED` when the batches before the place that the client has come to are not those it has.
    pub(super) fn next(&mut self, body: &[Bytes]) -> Result<Option<Mark>> {
        failpoint!("rows.before", crate::failpoint::error());
        self.batches += 1;
        body.iter().for_each(|piece| self.digest.write(piece));
        let mark = Mark { batches: self.batches, digest: self.digest.finish() };
        match self.behind {
            None => Ok(Some(mark)),
            Some(behind) if mark.batches < behind.batches => Ok(None),
            Some(behind) if mark == behind => {
                self.behind = None;
                Ok(None)
            }
            Some(behind) => Err(changed(behind)),
        }
    }

    /// The result is over.
    ///
    /// # Errors
    /// `RESULT_CHANGED` when it has fewer batches than the client.
    pub(super) fn end(&mut self) -> Result<()> {
        self.behind.take().map_or(Ok(()), |behind| Err(changed(behind)))
    }
}

/// The rows are not those that the client has begun to read.
pub(super) fn changed(behind: Mark) -> Error {
    Error::new(
        ErrorCode::ResultChanged,
        format!(
            "the result can't go on behind batch {}: the statement was run again, and gives other rows, or the same in another \
             order; read it from its beginning",
            behind.batches
        ),
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn marked(behind: Option<Mark>, bodies: &[&[u8]]) -> Result<Vec<Mark>> {
        let mut marks = Marks::new(behind);
        let mut sent = Vec::new();
        for body in bodies {
            let (head, tail) = body.split_at(body.len() / 2);
            sent.extend(marks.next(&[Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)])?);
        }
        marks.end()?;
        Ok(sent)
    }

    const BODIES: [&[u8]; 3] = [b"one", b"two", b"three"];

    #[test]
    fn a_digest_is_that_of_all_bodies_up_to_its_batch() {
        let marks = marked(None, &BODIES).unwrap();
        let digest = xxhash3_64::Hasher::oneshot(b"onetwothree");
        assert_eq!(marks[2].text(), format!("3;{digest:016x}"));
    }

    /// A client goes on with a mark of another node, which may run another version of the server.
    #[test]
    fn a_digest_is_the_same_in_every_version() {
        let long: Vec<u8> = (0..1000_u32).map(|i| (i * 7) as u8).collect();
        let marks = marked(None, &[&long, &long, &long]).unwrap();
        assert_eq!(marks[0].text(), "1;10ad30264426c830");
        assert_eq!(marks[2].text(), "3;6f31b982197c922a");
        assert_eq!(marked(None, &BODIES).unwrap()[2].text(), "3;364315dd923d1137");
    }

    #[test]
    fn the_rest_of_the_same_result_has_the_same_marks() {
        let all = marked(None, &BODIES).unwrap();
        for (at, mark) in all.iter().enumerate() {
            assert_eq!(marked(Some(*mark), &BODIES).unwrap(), all[at + 1..]);
        }
    }

    #[test]
    fn a_result_that_changed_is_noticed_before_anything_of_it_is_sent() {
        let all = marked(None, &BODIES).unwrap();
        for other in [vec![b"One".as_slice(), b"two", b"three"], vec![b"two", b"one", b"three"], vec![b"one"], vec![]] {
            assert_eq!(marked(Some(all[1]), &other).unwrap_err().code, ErrorCode::ResultChanged);
        }
        let beyond = Mark { batches: 4, ..all[2] };
        assert_eq!(marked(Some(beyond), &BODIES).unwrap_err().code, ErrorCode::ResultChanged);
    }

    #[test]
    fn anything_but_one_mark_is_an_error() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_str(value).unwrap());
            }
            Mark::of_call(&headers)
        };
        let mark = "12;00e16a3b2f90404f";
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[mark]).unwrap().unwrap().text(), mark);
        for bad in [
            "",
            "12",
            "12;",
            ";00e16a3b2f90404f",
            "0;00e16a3b2f90404f",
            "-1;00e16a3b2f90404f",
            "+1;00e16a3b2f90404f",
            "12;+0e16a3b2f90404f",
            "12;0",
            "12;00e16a3b2f90404f0",
            "99999999999999999999;00e16a3b2f90404f",
        ] {
            assert_eq!(of(&[bad]).unwrap_err().code, ErrorCode::RequestInvalid, "{bad}");
        }
        assert_eq!(of(&[mark, mark]).unwrap_err().code, ErrorCode::RequestInvalid);
    }

    proptest! {
        #[test]
        fn a_mark_is_read_as_it_was_written(batches in 1_u64.., digest: u64) {
            let mark = Mark { batches, digest };
            prop_assert_eq!(Mark::parse(&mark.text()), Some(mark));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,40}") {
            if let Some(mark) = Mark::parse(&text) {
                prop_assert!(mark.text().eq_ignore_ascii_case(text.trim_start_matches('0')));
            }
        }
    }
}

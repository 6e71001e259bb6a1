//! Calls whose bytes are no message at all, which generated clients cannot send.

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::Client;

/// Passes bytes on as they are, both ways.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Sends `body` to a unary method (`/package.Service/Method`) and returns the bytes of its answer.
pub async fn unary(client: &Client, path: &'static str, body: impl Into<Bytes>) -> Result<Bytes, Status> {
    let mut grpc = Grpc::new(client.channel());
    grpc.ready().await.expect("a connection");
    let request = client.request(body.into());
    grpc.unary(request, PathAndQuery::from_static(path), BytesCodec).await.map(tonic::Response::into_inner)
}

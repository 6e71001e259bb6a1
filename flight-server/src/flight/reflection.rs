//! gRPC reflection: tools such as grpcurl learn from it which calls there are, and what their messages are made of.

use tonic_reflection::server::{Builder, v1, v1alpha};

/// The description of Flight's calls, compiled when the server was.
const FLIGHT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/flight.bin"));

/// The service in its present version.
pub(super) fn v1() -> Result<v1::ServerReflectionServer<impl v1::ServerReflection>, Box<Unreadable>> {
    described().build_v1().map_err(Box::new)
}

/// The service as it was before, which many tools still ask first.
pub(super) fn v1alpha() -> Result<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>, Box<Unreadable>> {
    described().build_v1alpha().map_err(Box::new)
}

/// A description cannot be read.
pub(super) type Unreadable = tonic_reflection::server::Error;

fn described() -> Builder<'static> {
    Builder::configure()
        .include_reflection_service(false)
        .register_encoded_file_descriptor_set(FLIGHT)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
}

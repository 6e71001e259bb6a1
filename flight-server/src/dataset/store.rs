//! The object store of a dataset: what its URL names, opened with a secret or with the environment's credentials.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::{ClientConfigKey, ClientOptions, HeaderValue, ObjectStore, RetryConfig};

use super::definition::Definition;
use crate::config::Secret;
use crate::error::{Error, ErrorCode, Result};

/// How long a connection may take to be made.
const CONNECT: &str = "5s";
/// How long a request may take, its answer included.
const REQUEST: &str = "30s";

/// Opens the store, without reaching for it. Paths in it are those of the URL.
///
/// # Errors
/// `OPTION_INVALID` when the secret is for another kind of store, or something in it can't be used. What is wrong with it
/// is not repeated, because it may be a credential.
pub(super) fn open(definition: &Definition, secret: Option<&Secret>) -> Result<Arc<dyn ObjectStore>> {
    let scheme = definition.url.scheme();
    if let Some(secret) = secret
        && !secret.kind().schemes().contains(&scheme)
    {
        let what =
            format!("the secret {} is of type {}, which opens no {scheme} URL", secret.name(), secret.kind().name());
        return Err(unusable(definition, &what));
    }
    let opened = match scheme {
        "file" => Ok(Arc::new(LocalFileSystem::new()) as Arc<dyn ObjectStore>),
        "s3" => s3(definition, secret),
        "gs" => gcs(definition, secret),
        "az" | "abfs" | "abfss" => azure(definition, secret),
        "http" | "https" => http(definition, secret),
        _ => return Err(unusable(definition, "its URL is of a scheme that can't be read")),
    };
    opened.map_err(|_| {
        let from = match secret {
            Some(secret) => format!("the secret {}", secret.name()),
            None => "what the environment says of its store".to_owned(),
        };
        unusable(definition, &format!("{from} can't be used for its URL; see both"))
    })
}

/// Opens a place in an object store that is no dataset's, without reaching for it: the store, and the path in it.
///
/// # Errors
/// `OPTION_INVALID` when its URL or the secret can't be used.
pub(crate) fn open_place(
    url: &str,
    secret: Option<&Secret>,
) -> Result<(Arc<dyn ObjectStore>, object_store::path::Path)> {
    let name = secret.map(|secret| secret.name().to_owned());
    let definition = Definition::new("place", url, Some(super::Format::Parquet), name)?;
    let path = object_store::path::Path::from_url_path(definition.url.path());
    let path = path.map_err(|_| unusable(&definition, "its path has parts that no object has"))?;
    Ok((open(&definition, secret)?, path))
}

type Opened = object_store::Result<Arc<dyn ObjectStore>>;

fn s3(definition: &Definition, secret: Option<&Secret>) -> Opened {
    let mut builder = match secret {
        None => AmazonS3Builder::from_env(),
        Some(secret) => {
            let mut builder = AmazonS3Builder::new();
            for (option, key) in [
                ("access_key_id", AmazonS3ConfigKey::AccessKeyId),
                ("secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
                ("session_token", AmazonS3ConfigKey::Token),
                ("region", AmazonS3ConfigKey::Region),
                ("endpoint", AmazonS3ConfigKey::Endpoint),
                ("allow_http", AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)),
            ] {
                if let Some(value) = secret.option(option) {
                    builder = builder.with_config(key, value);
                }
            }
            if let Some(style) = secret.option("url_style") {
                builder = builder.with_virtual_hosted_style_request(style == "vhost");
            }
            builder
        }
    };
    for (key, value) in limits() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    let bucket = definition.url.host_str().unwrap_or_default();
    Ok(Arc::new(builder.with_bucket_name(bucket).with_retry(no_retries()).build()?))
}

fn gcs(definition: &Definition, secret: Option<&Secret>) -> Opened {
    let mut builder = match secret {
        None => GoogleCloudStorageBuilder::from_env(),
        Some(secret) => match secret.option("service_account") {
            Some(key) => GoogleCloudStorageBuilder::new().with_service_account_key(key),
            None => GoogleCloudStorageBuilder::new(),
        },
    };
    for (key, value) in limits() {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    let bucket = definition.url.host_str().unwrap_or_default();
    Ok(Arc::new(builder.with_bucket_name(bucket).with_retry(no_retries()).build()?))
}

fn azure(definition: &Definition, secret: Option<&Secret>) -> Opened {
    let mut builder = match secret {
        None => MicrosoftAzureBuilder::from_env(),
        Some(secret) => {
            let mut builder = MicrosoftAzureBuilder::new();
            for (option, key) in [
                ("account", AzureConfigKey::AccountName),
                ("access_key", AzureConfigKey::AccessKey),
                ("sas_token", AzureConfigKey::SasKey),
            ] {
                if let Some(value) = secret.option(option) {
                    builder = builder.with_config(key, value);
                }
            }
            builder
        }
    };
    for (key, value) in limits() {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    // The URL names the container, and in its long form the account too.
    Ok(Arc::new(builder.with_url(definition.url.as_str()).with_retry(no_retries()).build()?))
}

fn http(definition: &Definition, secret: Option<&Secret>) -> Opened {
    let mut options = ClientOptions::new();
    if let Some(token) = secret.and_then(|secret| secret.option("bearer_token")) {
        let invalid = |error| object_store::Error::Generic { store: "HTTP", source: Box::new(error) };
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(invalid)?;
        value.set_sensitive(true);
        options = options.with_default_headers([(http::header::AUTHORIZATION, value)].into_iter().collect());
    }
    for (key, value) in limits() {
        options = options.with_config(key, value);
    }
    // Whoever writes such a URL has chosen to go without TLS.
    options = options.with_allow_http(true);
    let mut root = definition.url.clone();
    root.set_path("/");
    Ok(Arc::new(
        HttpBuilder::new().with_url(root.as_str()).with_client_options(options).with_retry(no_retries()).build()?,
    ))
}

fn limits() -> [(ClientConfigKey, &'static str); 2] {
    [(ClientConfigKey::ConnectTimeout, CONNECT), (ClientConfigKey::Timeout, REQUEST)]
}

/// The clients try once: whoever calls them tries again. They would log what they were answered.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

fn unusable(definition: &Definition, reason: &str) -> Error {
    Error::new(ErrorCode::OptionInvalid, format!("dataset {}: {reason}", definition.name))
}

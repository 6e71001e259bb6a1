//! The coordinate reference system of a geometry, in a `GEOMETRY` type and in the metadata of `geoarrow.wkb`.

use serde_json::{Map, Value};

/// Writes the extension metadata: an object with the system and, where it is certain, how the system is written.
pub(crate) fn to_extension_metadata(crs: Option<&str>) -> String {
    let mut metadata = Map::new();
    if let Some(crs) = crs {
        let (crs, crs_type) = match serde_json::from_str::<Value>(crs) {
            Ok(definition @ Value::Object(_)) => (definition, Some("projjson")),
            _ if is_authority_code(crs) => (crs.into(), Some("authority_code")),
            // A string without a type is allowed: readers find out themselves.
            _ => (crs.into(), None),
        };
        metadata.insert("crs".to_owned(), crs);
        if let Some(crs_type) = crs_type {
            metadata.insert("crs_type".to_owned(), crs_type.into());
        }
    }
    Value::Object(metadata).to_string()
}

/// Reads the extension metadata. A definition that names its authority and code becomes just these, which is how
/// DuckDB names the systems it knows; any other is kept whole.
///
/// # Errors
///
/// What is wrong with the metadata, in words.
pub(crate) fn from_extension_metadata(metadata: &str) -> Result<Option<String>, String> {
    if metadata.is_empty() {
        return Ok(None);
    }
    let parsed: Value = serde_json::from_str(metadata).map_err(|error| format!("it is not JSON ({error})"))?;
    let Value::Object(metadata) = parsed else {
        return Err("it is not a JSON object".to_owned());
    };
    match metadata.get("crs") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(crs)) => Ok(Some(crs.clone())),
        Some(definition @ Value::Object(_)) => {
            Ok(Some(authority_code(definition).unwrap_or_else(|| definition.to_string())))
        }
        Some(_) => Err("its crs is neither a text nor a definition".to_owned()),
    }
}

fn authority_code(definition: &Value) -> Option<String> {
    let id = definition.get("id")?;
    let authority = id.get("authority")?.as_str()?;
    match id.get("code")? {
        Value::String(code) => Some(format!("{authority}:{code}")),
        Value::Number(code) => Some(format!("{authority}:{code}")),
        _ => None,
    }
}

/// Whether `crs` has the form `AUTHORITY:CODE`.
fn is_authority_code(crs: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    crs.split_once(':').is_some_and(|(authority, code)| word(authority) && word(code))
}

#[cfg(test)]
mod tests {
    use super::{from_extension_metadata, to_extension_metadata};

    #[test]
    fn an_authority_code_survives_the_wire() {
        let metadata = to_extension_metadata(Some("OGC:CRS84"));
        assert_eq!(metadata, r#"{"crs":"OGC:CRS84","crs_type":"authority_code"}"#);
        assert_eq!(from_extension_metadata(&metadata), Ok(Some("OGC:CRS84".to_owned())));
    }

    #[test]
    fn a_definition_is_sent_as_json_and_not_as_text() {
        let metadata = to_extension_metadata(Some(r#"{"type":"GeographicCRS"}"#));
        assert_eq!(metadata, r#"{"crs":{"type":"GeographicCRS"},"crs_type":"projjson"}"#);
        assert_eq!(from_extension_metadata(&metadata), Ok(Some(r#"{"type":"GeographicCRS"}"#.to_owned())));
    }

    #[test]
    fn a_definition_with_an_identifier_is_known_by_it() {
        let metadata = r#"{"crs_type":"projjson","crs":{"name":"x","id":{"authority":"EPSG","code":4326}}}"#;
        assert_eq!(from_extension_metadata(metadata), Ok(Some("EPSG:4326".to_owned())));
    }

    #[test]
    fn no_system_is_none_and_nonsense_is_an_error() {
        assert_eq!(to_extension_metadata(None), "{}");
        assert_eq!(from_extension_metadata("{}"), Ok(None));
        assert_eq!(from_extension_metadata(""), Ok(None));
        assert_eq!(from_extension_metadata(r#"{"crs":null}"#), Ok(None));
        assert!(from_extension_metadata("{").is_err());
        assert!(from_extension_metadata("[]").is_err());
        assert!(from_extension_metadata(r#"{"crs":7}"#).is_err());
    }
}

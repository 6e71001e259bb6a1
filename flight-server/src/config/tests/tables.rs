//! Datasets and secrets of the configuration.

use super::*;
use crate::dataset::Format;

const SECRETS: &str = r#"
    [secrets.lake]
    type = "s3"
    access_key_id = "AKIA"
    secret_access_key_file = "/run/key"
    endpoint = "http://127.0.0.1:9000"
    allow_http = true
    url_style = "path"

    [secrets.web]
    type = "http"
    bearer_token = "hunter2"
"#;

#[test]
fn datasets_stand_in_tables_of_the_file_with_their_secrets() {
    let file = format!(
        r#"
        [datasets.flights]
        url = "s3://lake/flights/"
        format = "parquet"
        secret = "lake"
        [datasets.Airports]
        url = "/srv/airports.csv"
        {SECRETS}"#
    );
    let config = load(&[], &[], &file).unwrap();
    let told: Vec<_> =
        config.datasets.iter().map(|d| (d.name.as_str(), d.url.as_str(), d.format, d.secret.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Airports", "file:///srv/airports.csv", Format::Csv, None),
            ("flights", "s3://lake/flights/", Format::Parquet, Some("lake")),
        ]
    );
    let kinds: Vec<_> = config.secrets.iter().map(|secret| (secret.name(), secret.kind())).collect();
    assert_eq!(kinds, [("lake", SecretKind::S3), ("web", SecretKind::Http)]);
    let web = config.secrets[1].read().unwrap();
    assert_eq!(web.option("bearer_token"), Some("hunter2"));
    let text = config.secrets[0].read().unwrap_err().to_string();
    assert!(text.starts_with("cannot read /run/key (secrets.lake.secret_access_key_file): "), "{text}");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_dataset_of_a_flag_beats_that_of_the_file_with_the_same_name() {
    let file = "[datasets.d]\nurl = '/file.csv'\n[datasets.e]\nurl = '/file.csv'";
    let urls = |config: Config| -> Vec<String> {
        config.datasets.iter().map(|dataset| format!("{}={}", dataset.name, dataset.url.path())).collect()
    };
    assert_eq!(urls(load(&[("dataset", "D=/flag.csv")], &[], file).unwrap()), ["D=/flag.csv", "e=/file.csv"]);
    let variables = [("PINTAIL_DATASET", "d=/variable.csv  f=s3://lake/f.json")];
    assert_eq!(urls(load(&[], &variables, file).unwrap()), ["d=/variable.csv", "f=/f.json", "e=/file.csv"]);
    assert_eq!(urls(load(&[("dataset", "x=/flag.csv")], &variables, "").unwrap()), ["x=/flag.csv"]);
}

#[test]
fn datasets_of_repeated_flags_are_all_there() {
    let command = Command::new("serve").args(arguments());
    let words = ["serve", "--dataset", "a=/a.csv", "--dataset", "b=/with space.csv"];
    let matches = command.try_get_matches_from(words).unwrap();
    let sources = Sources::from_parts(source::flag_values(&matches), [], Path::new("/no/such/file")).unwrap();
    let config = Config::from_sources(&sources).unwrap();
    assert_eq!(config.datasets.len(), 2);
    assert_eq!(config.datasets[1].url.path(), "/with%20space.csv");
}

#[test]
fn a_command_with_a_few_of_the_flags_reads_the_rest_from_elsewhere() {
    let command = Command::new("ls").args(arguments_of(&["store"]));
    let matches = command.clone().try_get_matches_from(["ls", "--store", "sqlite:/s"]).unwrap();
    let environment = [("PINTAIL_DATA_DIR".into(), "/d".into())];
    let sources = Sources::from_parts(source::flag_values(&matches), environment, Path::new("/no/such/file")).unwrap();
    let config = Config::from_sources(&sources).unwrap();
    assert_eq!((config.store, config.data_dir), (StoreUrl::Sqlite("/s".into()), "/d".into()));
    assert!(command.try_get_matches_from(["ls", "--listen", "x"]).is_err());
}

#[test]
fn an_unknown_key_of_a_table_is_named_with_the_nearest_known_one() {
    for (file, starts, ends) in [
        ("[dataset.d]\nurl = '/a.csv'", "unknown key `dataset` in ", "did you mean `datasets`?"),
        ("[datasets.d]\nurll = '/a.csv'", "unknown key `datasets.d.urll` in ", "did you mean `url`?"),
        ("[secret.s]\ntype = 's3'", "unknown key `secret` in ", "did you mean `secrets`?"),
        ("[secrets.s]\ntype = 's3'\nregoin = 'x'", "unknown key `secrets.s.regoin` in ", "did you mean `region`?"),
        (
            "[secrets.s]\ntype = 's3'\nsecret_acess_key_file = 'x'",
            "unknown key `secrets.s.secret_acess_key_file` in ",
            "did you mean `secret_access_key_file`?",
        ),
        ("[secrets.s]\ntype = 's3'\nregion_file = 'x'", "unknown key `secrets.s.region_file` in ", "`region`?"),
        ("[secrets.s]\ntype = 'azur'", "key `secrets.s.type` in ", "did you mean `azure`?"),
        (
            "[secrets.s]\nregion = 'x'",
            "key `secrets.s.type` in ",
            "is missing, but must be one of `s3`, `gcs`, `azure`, `http`",
        ),
        (
            "[datasets.d]\nurl = 's3://b/a.csv'\nsecret = 'lak'\n[secrets.lake]\ntype = 's3'",
            "unknown secret `lak` of key `datasets.d.secret` in ",
            "did you mean `lake`?",
        ),
    ] {
        let text = message(&[], &[], file);
        assert!(text.starts_with(starts) && text.ends_with(ends), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_dataset_is_told_with_where_it_stands() {
    for (file, told) in [
        ("[datasets.d]\nformat = 'csv'", "key `datasets.d.url` in "),
        ("[datasets.d]\nurl = '/a'", "the extension of file:///a does not tell its format"),
        ("[datasets.d]\nurl = '/a.csv'\nformat = 'orc'", "\"orc\" is no format of a dataset"),
        ("[datasets.d-e]\nurl = '/a.csv'", "\"d-e\" is no name of a dataset"),
        ("[datasets.d]\nurl = 'ftp://h/a.csv'", "the scheme `ftp`"),
        ("[datasets.d]\nurl = ['/a.csv']", "a list or table"),
        ("[datasets.d]\nurl = '/a.csv'\n[datasets.D]\nurl = '/a.csv'", "it is there twice"),
        ("datasets = 'd'", "must be a table `[datasets.NAME]`"),
        ("[datasets]\nd = '/a.csv'", "must be a table `[datasets.NAME]`"),
        ("[datasets.d]\nurl = 'gs://b/a.csv'\nsecret = 's'\n[secrets.s]\ntype = 's3'", "does not open gs URLs"),
    ] {
        let text = message(&[], &[], file);
        assert!(text.contains(told) && text.contains("pintail.toml"), "{text}");
    }
    assert_eq!(message(&[("dataset", "/a.csv")], &[], ""), "--dataset: write it as NAME=URL");
    let text = message(&[], &[("PINTAIL_DATASET", "d=/a.csv D=/b.csv")], "");
    assert_eq!(text, "PINTAIL_DATASET: dataset D is given twice");
}

#[test]
fn no_credential_is_in_an_error() {
    for file in [
        "[datasets.d]\nurl = 'https://me:hunter2@h/a.csv'",
        "[datasets.d]\nurl = 'https://h/a.csv?sig=hunter2'",
        "[secrets.s]\ntype = 's3'\nallow_http = 'hunter2'",
        "[secrets.s]\ntype = 's3'\nurl_style = 'hunter2'",
        "[secrets.s]\ntype = 's3'\nsecret_access_key = ['hunter2']",
        "[secrets.s]\ntype = 's3'\nsecret_access_key = 'hunter2'\nsecret_access_key_file = '/k'",
        "[secrets.s]\nsecret_access_key = 'hunter2'",
        "dataset = 'd=https://h/a.csv?sig=hunter2'",
    ] {
        let text = message(&[], &[], file);
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = message(&[("dataset", "d=https://h/a.csv?sig=hunter2")], &[], "");
    assert!(text.starts_with("--dataset: ") && !text.contains("hunter2"), "{text}");
}

//! What is made from the table of settings: the flags of the command line, and `docs/configuration.md`.

use std::fmt::Write;

use clap::{Arg, ArgAction};

use super::kind::{Kind, listed};
use super::secret::{SecretKind, SecretValue};
use super::setting::{SETTINGS, Setting};

/// The flags, for clap. Environment and file are not clap's matter: it would not say where a value came from.
pub fn arguments() -> impl Iterator<Item = Arg> {
    SETTINGS.iter().map(argument)
}

/// The flags of the settings with these names, for a command that needs no others.
pub fn arguments_of(names: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    SETTINGS.iter().filter(|setting| names.contains(&setting.name)).map(argument)
}

fn argument(setting: &'static Setting) -> Arg {
    let help = format!(
        "{} [default: {}] [env: {}]",
        setting.help.replace('`', ""),
        setting.default.replace('`', ""),
        setting.variable()
    );
    let argument = Arg::new(setting.name).long(setting.name).value_name(setting.value).help(help);
    match setting.kind {
        // `--insecure` is enough, and `--insecure=false` outdoes a variable or a file.
        Kind::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Paths | Kind::Datasets => argument.action(ArgAction::Append),
        _ => argument,
    }
}

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for setting in SETTINGS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} |",
            usage(setting),
            setting.variable(),
            match setting.kind {
                Kind::Datasets => "`[datasets.NAME]`".to_owned(),
                _ if setting.in_file() => format!("`{}`", setting.name),
                _ => "no".to_owned(),
            },
            setting.default,
            setting.help,
        );
    }
    text.push_str(VALUES);
    for (kind, example) in EXAMPLES {
        let _ = writeln!(text, "| {} | {} | {} |", kinds_settings(&kind), capitalised(&kind.expected()), example);
    }
    for setting in SETTINGS.iter().filter(|setting| matches!(setting.kind, Kind::Choice(_))) {
        let _ = writeln!(text, "| `{}` | {} | |", setting.name, capitalised(&setting.kind.expected()));
    }
    text.push_str(TABLES);
    for kind in SecretKind::ALL {
        let schemes: Vec<String> = kind.schemes().iter().map(|scheme| format!("`{scheme}:`")).collect();
        for option in kind.options() {
            let _ = writeln!(
                text,
                "| `{}` ({}) | `{}` | {} |",
                kind.name(),
                schemes.join(", "),
                if option.is_credential() { format!("{0}` or `{0}_file", option.key) } else { option.key.to_owned() },
                match option.value {
                    SecretValue::Choice(words) => format!("{} One of {}.", option.help, listed(words)),
                    SecretValue::Switch => format!("{} `true` or `false`.", option.help),
                    SecretValue::Text | SecretValue::Credential => option.help.to_owned(),
                },
            );
        }
    }
    text
}

fn usage(setting: &Setting) -> String {
    match setting.kind {
        Kind::Switch => setting.flag(),
        _ => format!("{} {}", setting.flag(), setting.value),
    }
}

fn kinds_settings(kind: &Kind) -> String {
    let is_alike = |setting: &&Setting| std::mem::discriminant(&setting.kind) == std::mem::discriminant(kind);
    let names = SETTINGS.iter().filter(is_alike).map(|setting| format!("`{}`", setting.name));
    names.collect::<Vec<_>>().join(", ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

const EXAMPLES: [(Kind, &str); 10] = [
    (Kind::Address, "`localhost` is 127.0.0.1. Other names are not looked up."),
    (Kind::Uri, ""),
    (Kind::Duration(1), "`node-lease` is at least `300ms`, `dataset-refresh` `1s`."),
    (Kind::Size, "`KB`, `MB`, `GB` and `TB` are powers of 1000, `KiB` to `TiB` powers of 1024."),
    (Kind::Switch, "The flag alone is `true`; `--insecure=false` is the opposite."),
    (Kind::Paths, ""),
    (Kind::Datasets, "The extension of the files tells the format. In TOML they are tables, see below."),
    (
        Kind::Store,
        "A PostgreSQL database serves several nodes. Its parameters are those of `psql` (`sslmode`, `sslrootcert`) and \
         `schema` (`pintail`); a password may come from `PGPASSWORD` or `~/.pgpass`.",
    ),
    (
        Kind::Database,
        "What stands after `ducklake:postgres:` may also be a connection string of libpq, such as \
         `ducklake:postgres:dbname=lake host=db user=me`; a password may come from `PGPASSWORD` or `~/.pgpass`.",
    ),
    (Kind::DataPath, ""),
];

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of settings in flight-server/src/config/setting.rs. A test compares the two; run it with
     UPDATE_DOCS=1 to write this file: cargo test -p flight-server config::tests::documentation -->

`pintail serve` needs no configuration. What is not set has a default, and each default is printed at the start with the
flag that sets it.

A flag beats an environment variable, which beats the TOML file, which beats the default. The file is the one that
`--config` names, else `pintail.toml` in the working directory when it exists:

```toml
listen = \"127.0.0.1:8815\"
session-idle-timeout = \"1h\"
memory-limit = \"4GB\"
allow-files = [\"/srv/data\"]
```

An unknown key, an unknown environment variable that begins with `PINTAIL_`, and a value that cannot be are errors:
the server says which, and from where, and ends with status 2. Variables of `pintail sql` (`pintail sql --help`) are let be.
Relative paths are relative to the working directory.

| flag | environment | TOML key | default | meaning |
|---|---|---|---|---|
";

const VALUES: &str = "
## Values

| settings | value | |
|---|---|---|
";

const TABLES: &str = "
## Datasets and secrets

A dataset is a name over files: every engine shows them as one table, `datasets.main.<name>`, which is found by its bare
name too. `pintail dataset add` puts one into the session store, for every node; those of the configuration are this
node's, and win over the store's of the same name:

```toml
[datasets.flights]
url = \"s3://lake/flights/*.parquet\" # or a path of this machine, or a URL of gs, az, abfs, abfss, http, https
format = \"parquet\"                  # or csv, json; needed where the extension of the files does not tell it
secret = \"lake\"                     # needed where the environment's credentials are not the right ones

[secrets.lake]
type = \"s3\"
access_key_id = \"AKIA…\"
secret_access_key_file = \"/run/secrets/lake\"
region = \"eu-central-1\"
```

A URL never carries a credential: one with a user, a password or the parameters of a signature is refused. Secrets stand in
the configuration of each node and nowhere else; no command, log or error shows their values. A file of a secret is read
when the server starts.

| type of secret | option | meaning |
|---|---|---|
";

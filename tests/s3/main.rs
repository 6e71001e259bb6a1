//! `pintail-test-s3 <directory> <access key id> <secret access key>`: a real S3 server for tests.
//!
//! It prints a line of JSON with its `endpoint`, then obeys the lines of its standard input, one line of JSON each:
//!
//! - `answer <real|deny|busy|stumble|hang> [<spared>]`: what becomes of requests, once that many more were answered; `stumble` is
//!   busy every other time;
//! - `requests`: the requests since this was last asked, by operation;
//! - `vanish <bucket>`: removes a bucket with all that is in it.
//!
//! It ends with its standard input.

mod server;

use std::io::{BufRead, Error, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use server::{Answer, Control};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [root, id, key] = &arguments[..] else {
        return Err(Error::other("usage: pintail-test-s3 <directory> <access key id> <secret access key>"));
    };
    let (root, control) = (PathBuf::from(root), Arc::new(Control::default()));
    let address = server::start(&root, (id, key), Arc::clone(&control)).await?;
    tell(&json!({ "endpoint": format!("http://{address}") }))?;
    // Lines come when they come; meanwhile the server runs on the other threads.
    let obeyed = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            tell(&obey(&line?, &root, &control)?)?;
        }
        Ok(())
    });
    obeyed.await.map_err(Error::other)?
}

fn obey(line: &str, root: &Path, control: &Control) -> Result<Value> {
    let words = line.split_whitespace().collect::<Vec<_>>();
    match words[..] {
        ["requests"] => return Ok(json!(control.take_requests())),
        ["vanish", bucket] => std::fs::remove_dir_all(root.join(bucket))?,
        ["answer", answer, ref spared @ ..] => {
            let answer = Answer::named(answer).ok_or_else(|| Error::other("there is no such answer"))?;
            let spared = spared.first().map_or(Ok(0), |spared| spared.parse()).map_err(Error::other)?;
            control.answer(answer, spared);
        }
        _ => return Err(Error::other(format!("{line:?} is no command"))),
    }
    Ok(json!({ "done": true }))
}

fn tell(line: &Value) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

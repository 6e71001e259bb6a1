//! What a client is told when something fails: a stable code, a SQLSTATE, and a message that says what happened,
//! to which thing, and what to do next.
//!
//! The codes are part of the protocol: they travel in the status details and in the trailer `x-pintail-code`, and
//! `docs/errors.md` is generated from [`ErrorCode::ALL`]. How a code maps to a gRPC status is decided in `flight`.

use std::fmt;

/// The result of anything a client can be told about.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A five-character SQLSTATE (ISO/IEC 9075), as PostgreSQL assigns its implementation-defined classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

impl SqlState {
    /// Whether the user's input or situation caused it, rather than the server: decides the level it is logged at.
    ///
    /// An unknown class counts as ours, so that it is looked at.
    pub fn is_users(self) -> bool {
        const CLASSES: [&str; 12] = ["0A", "08", "21", "22", "23", "25", "26", "28", "2B", "3D", "3F", "42"];
        self.0 == "57014"
            || self.0 == "40001"
            || self.0 == "44000"
            || CLASSES.iter().any(|class| self.0.starts_with(class))
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $sqlstate:literal, $advice:literal;)+) => {
        /// The stable name of a failure. A name, once released, keeps its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order in which the documentation lists them.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)+ }
            }

            /// The SQLSTATE an error of this code has unless it says otherwise.
            pub fn sqlstate(self) -> SqlState {
                SqlState(match self { $(ErrorCode::$variant => $sqlstate,)+ })
            }

            /// What happened, for the documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($doc),+),)+ }
            }

            /// What its reader should do next.
            pub fn advice(self) -> &'static str {
                match self { $(ErrorCode::$variant => $advice,)+ }
            }
        }
    };
}

error_codes! {
    /// No credentials came with the call.
    CredentialsMissing = "CREDENTIALS_MISSING", "28000",
        "Send `Authorization: Basic` with a user name and password, or the Bearer token a handshake returned.";
    /// The user name is unknown or the password is wrong; which of the two is not said.
    CredentialsWrong = "CREDENTIALS_WRONG", "28P01",
        "Check the user name and password. A generated password is printed when the server starts.";
    /// The authorization header is not one that can be read.
    CredentialsMalformed = "CREDENTIALS_MALFORMED", "28000",
        "Send `Basic` with base64 of `user:password`, or `Bearer` with a token exactly as it was handed out.";
    /// The session token does not have the form of one.
    TokenMalformed = "TOKEN_MALFORMED", "28000",
        "Send the token exactly as the handshake returned it: `pt1.<session>.<secret>`.";
    /// No session has this token: it never existed, or its row was removed long after it ended.
    TokenUnknown = "TOKEN_UNKNOWN", "28000",
        "Connect again with user name and password; the state of an unknown session cannot be had back.";
    /// The session was idle, or open, for longer than it may be.
    SessionExpired = "SESSION_EXPIRED", "28000",
        "Connect again. The limits are set with --session-idle-timeout and --session-max-age.";
    /// The session was closed, by its client or by an operator.
    SessionClosed = "SESSION_CLOSED", "28000",
        "Connect again.";
    /// The session belongs to somebody else than the caller, or its user no longer exists.
    SessionForbidden = "SESSION_FORBIDDEN", "28000",
        "Use a session of your own: connect with your own credentials.";
    /// The session exists, but its state could not be rebuilt on this node.
    SessionUnreclaimable = "SESSION_UNRECLAIMABLE", "08006",
        "The message says what could not be rebuilt. Connect again to start an empty session.";
    /// This node no longer owns the session: another one took it over.
    SessionMoved = "SESSION_MOVED", "08006",
        "Send the call again; it reaches the new owner.";
    /// The node that has the session is alive, but this node cannot reach it.
    PeerUnreachable = "PEER_UNREACHABLE", "08006",
        "Send the call again. If it lasts, the operator should look at the network between the nodes.";
    /// The node that has the session was lost while it served the call, which may or may not have taken effect.
    PeerLost = "PEER_LOST", "08007",
        "The session goes on at another node: look whether the call took effect, and send it again if it did not.";
    /// The statement was applied, but what it changed of its session could not be written to the session store.
    StateUnsaved = "STATE_UNSAVED", "08007",
        "Do not send the statement again, unless it carries a request id: go on with the next one, or look what is there.";
    /// No node that takes sessions can be reached.
    NoNode = "NO_NODE", "08001",
        "Try again. If it lasts, the operator should start a node that has an engine.";
    /// The session store did not answer. Nothing is known about the session, and nothing was guessed.
    StoreUnavailable = "STORE_UNAVAILABLE", "08001",
        "Try again. If it lasts, the operator should look at the session store.";
    /// The database that holds the catalog of the tables shared by nodes did not answer.
    LakeUnavailable = "LAKE_UNAVAILABLE", "08001",
        "Try again. If it lasts, the operator should look at the database that --database names.";
    /// The engine failed by a mistake of its own, and has to be opened anew.
    EngineFailed = "ENGINE_FAILED", "XX000",
        "Do not send the statement again: it would fail again, and end what runs in other sessions. The session goes on. The message \
         is the engine's; it is a defect that is worth a report.";
    /// The engine is being opened anew after a failure of its own, which ended what ran in it.
    EngineUnavailable = "ENGINE_UNAVAILABLE", "57P03",
        "Send the call again. Sessions go on by themselves; a transaction that was open is rolled back. If it lasts, the operator \
         should look at the server's log.";
    /// The spool, which keeps the contents of sessions, can't be read or written, or what it holds is damaged.
    SpoolUnavailable = "SPOOL_UNAVAILABLE", "58030",
        "Try again later: nothing that is kept there is given up because it can't be reached. A session that another node takes \
         over waits for it with this error if it has temporary tables. The operator should look at the directory or object store \
         that --spool names.";
    /// The node is shutting down and takes no new sessions.
    Draining = "DRAINING", "57P01",
        "Connect to another node, or again when the server is back.";
    /// The request's bytes are not the message they claim to be.
    RequestMalformed = "REQUEST_MALFORMED", "08P01",
        "Send a Flight SQL message as the specification has it; the message names what could not be read.";
    /// The request is well formed, but something in it has no valid meaning.
    RequestInvalid = "REQUEST_INVALID", "22023",
        "The message names the field and what it may be.";
    /// A request id came again with something else than what it first was for.
    RequestIdReused = "REQUEST_ID_REUSED", "22023",
        "Give every write a request id of its own, and send the same one again only with the same write.";
    /// The server does not do this.
    NotImplemented = "NOT_IMPLEMENTED", "0A000",
        "The message names the operation. What the server does do is listed by ListActions and GetSqlInfo.";
    /// The ticket was not made by this cluster, or was changed on its way.
    TicketInvalid = "TICKET_INVALID", "22023",
        "Ask for a new ticket with GetFlightInfo, and pass it on unchanged.";
    /// The ticket's time is over.
    TicketExpired = "TICKET_EXPIRED", "22023",
        "Ask for a new ticket with GetFlightInfo.";
    /// The ticket names a result that is no longer kept, or a write came again whose rows were too many to be kept with its receipt.
    ResultGone = "RESULT_GONE", "24000",
        "Run the statement again if it reads. What was applied by its request id is not applied again: read its rows from where it has written them.";
    /// No prepared statement of this session has that handle.
    PreparedStatementUnknown = "PREPARED_STATEMENT_UNKNOWN", "26000",
        "Prepare the statement again.";
    /// No open transaction of this session has that id.
    TransactionUnknown = "TRANSACTION_UNKNOWN", "25000",
        "Begin a transaction and use the id it returns, until it is committed or rolled back.";
    /// The transaction was rolled back because its node ended while it was open.
    TransactionLost = "TRANSACTION_LOST", "40001",
        "Roll back, then run the transaction again from its beginning.";
    /// The node ended while it committed the transaction, which may or may not have been applied.
    CommitUnknown = "COMMIT_UNKNOWN", "08007",
        "Look at what the transaction was to change before it is run again.";
    /// A result that broke off can't go on, because its statement gives other rows now.
    ResultChanged = "RESULT_CHANGED", "40001",
        "Read the result from its beginning. A statement with ORDER BY over columns that tell its rows apart gives them in the \
         same order each time.";
    /// A session option of that name does not exist, or does not take that value.
    OptionInvalid = "OPTION_INVALID", "22023",
        "The message names the option and the values it takes.";
    /// The engine refused or failed the statement; the SQLSTATE says how.
    StatementFailed = "STATEMENT_FAILED", "XX000",
        "The message is the engine's own. The SQLSTATE tells the class of the failure.";
    /// The statement was interrupted, because its client asked for it or went away.
    StatementCancelled = "STATEMENT_CANCELLED", "57014",
        "Run it again if that was not meant.";
    /// The time that the client itself gave its call was over before the answer was there.
    DeadlineExceeded = "DEADLINE_EXCEEDED", "57014",
        "Give the call more time, or run a smaller statement.";
    /// The server's policy does not let clients do this.
    StatementForbidden = "STATEMENT_FORBIDDEN", "42501",
        "Ask the operator; the message names the setting that would allow it, where there is one.";
    /// A value or a type cannot be carried over the wire without changing it.
    TypeUnsupported = "TYPE_UNSUPPORTED", "0A000",
        "Cast the column the message names to a type that can be carried, for example VARCHAR.";
    /// The files of a dataset can't be listed or read: they are missing, forbidden, or damaged.
    DatasetUnreadable = "DATASET_UNREADABLE", "58030",
        "The message names the file. `pintail dataset ls` tells which datasets can be read; see its URL and credentials.";
    /// An extension of the engine is needed, and is not where extensions are loaded from.
    ExtensionMissing = "EXTENSION_MISSING", "0A000",
        "Put the extension into the directory of --extension-dir by the command in the message, and start the server again.";
    /// A value does not fit the type it has on the wire.
    ValueOutOfRange = "VALUE_OUT_OF_RANGE", "22003",
        "The message names the column; cast it, or set the session option the message names.";
    /// A result that had to be kept is larger than the server keeps.
    ResultTooLarge = "RESULT_TOO_LARGE", "53100",
        "Read the first result to its end before running the next statement, or limit it.";
    /// The server itself went wrong.
    Internal = "INTERNAL", "XX000",
        "Please report it, with the server's log of that moment.";
}

/// A failure, as its client is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Which failure it is.
    pub code: ErrorCode,
    /// Its SQLSTATE; the code's own unless the engine knew better.
    pub sqlstate: SqlState,
    /// What happened, to which thing, and what to do next. Never a secret, a token or a ticket.
    pub message: String,
    /// Where in the SQL text the error is, in characters from 0, where the engine told.
    pub position: Option<u32>,
    /// What it is for the want of, where that ended with a node that had the session.
    pub lost: Option<String>,
}

impl Error {
    /// An error of `code`, with the code's own SQLSTATE.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, sqlstate: code.sqlstate(), message: message.into(), position: None, lost: None }
    }

    /// The same error with another SQLSTATE.
    pub fn with_sqlstate(mut self, sqlstate: SqlState) -> Self {
        self.sqlstate = sqlstate;
        self
    }

    /// The same error, pointing at a character of the SQL text (from 0).
    pub fn at(mut self, position: u32) -> Self {
        self.position = Some(position);
        self
    }

    /// The server itself went wrong while doing `what`.
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Internal, format!("internal error: {what}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

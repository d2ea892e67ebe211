//! The configuration of `rollcast proxy` as declarations. What a scenario has too is the scenario's own declaration, under
//! the same key.

use crate::core::time::Span;
use crate::scenario::entry::{Entry, Keyword, Named, Or, OrWord, choice, table};
use crate::scenario::file::{NoneWord, Proxies, Retries, Split, Strategies, Telemetry};
use crate::scenario::units::{Address, FileName, Lasting, Name, Percent, Size, Whole};

/// `new: none`, `user: source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct SourceWord;

impl Keyword for SourceWord {
    const WORD: &'static str = "source";
}

/// `key: user`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct UserWord;

impl Keyword for UserWord {
    const WORD: &'static str = "user";
}

table! {
    /// A real proxy in front of existing HTTP back ends: the configuration of rollcast proxy. Times carry a unit (18ms,
    /// 20s, 2m), shares a percent sign (2.5%), sizes too (64KiB). The tables proxies, traffic.retries, strategies and
    /// telemetry are those of a scenario.
    pub struct ConfigFile {
        /// Names the proxy in its log, its metrics and its journal.
        name: Name,
        /// Where chance comes from that balancers and splits draw.
        seed: Whole<0, { u64::MAX }> = Whole::of(1),
        /// Where clients connect; port 0 is one that the system chooses.
        listen: Address,
        /// Where it is steered and watched; none: nowhere.
        admin: OrWord<Admin, NoneWord> = OrWord::present(Entry::fallback()),
        /// The back ends of each version, by name.
        versions: Named<Backends>,
        /// How long clients wait, and what is tried again.
        traffic: Patience = Entry::fallback(),
        /// How instances are picked and judged; count and layer have no place here.
        proxies: Proxies = Entry::fallback(),
        /// What a health check asks for.
        check: Question = Entry::fallback(),
        /// How a request is told from another.
        route: Route = Entry::fallback(),
        /// Which version replaces which; without it there is one version.
        rollout: Option<Change> = None,
        /// How it does; without any, somebody sets the weight by hand.
        strategies: Strategies = Strategies(Vec::new()),
        /// How often a gate sees what was measured.
        telemetry: Telemetry = Entry::fallback(),
        /// How long an instance must have answered before a controller counts it.
        min_ready: Span = Span::ZERO,
        /// How long an instance that is taken out may go on with what it has before the controller counts it as gone.
        drain: Lasting = Lasting(Span::from_secs(30)),
        /// What clients may not do.
        limits: Bounds = Entry::fallback(),
        /// A line of JSON for each request: a file, '-' for standard output, or none.
        access_log: OrWord<FileName, NoneWord> = OrWord::present(FileName(String::from("-"))),
        /// Over which the listeners are handed to the next process (SIGQUIT); in the folder for temporary files unless given.
        upgrade_socket: Option<FileName> = None,
    }
}

table! {
    /// Where the proxy is steered and watched.
    pub struct Admin {
        /// Only this machine can reach it unless there is a token.
        listen: Address = Address(std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_901)),
        /// A file with the secret that must be sent as `Authorization: Bearer …`; at least 16 characters.
        token_file: Option<FileName> = None,
    }
}

table! {
    /// Where the instances of a version answer.
    pub struct Backends {
        /// Their addresses; existing HTTP servers.
        addresses: Vec<Address>,
        /// 0 is the first choice; others get requests when those before are out.
        priority: Whole<0, 3> = Whole::of(0),
    }
}

table! {
    /// How long clients wait, and what is tried again.
    pub struct Patience {
        /// From a request to the head of the final answer, retries included; none: as long as it takes.
        timeout: OrWord<Lasting, NoneWord> = OrWord::present(Lasting(Span::from_secs(60))),
        /// When a failed attempt is sent to another instance. What may have had an effect (POST, PATCH) is only sent
        /// again if the connection was refused.
        retries: Retries = Entry::fallback(),
    }
}

table! {
    /// What a health check asks for: an answer from 200 to 399 is well.
    pub struct Question {
        /// The path.
        path: FileName = FileName(String::from("/")),
        /// The Host header; the address unless given.
        host: Option<FileName> = None,
    }
}

choice! {
    /// Where something stands in a request.
    pub enum Where {
        /// In the header of this name.
        "header" => Header(FileName),
        /// In the cookie of this name.
        "cookie" => Cookie(FileName),
    }
}

table! {
    /// How a request is told from another.
    pub struct Route {
        /// Whose request it is, for splits by user and for stickiness: a header, a cookie, or the client's address.
        user: OrWord<Where, SourceWord> = OrWord::absent(),
        /// With the split header: what sends a request to the new version.
        new: Option<Mark> = None,
        /// What balancers with a hash go by: a header, a cookie, or else the user.
        key: OrWord<Where, UserWord> = OrWord::absent(),
    }
}

choice! {
    /// What sends a request to the new version.
    pub enum Mark {
        /// A header: its name, or its name with a value.
        "header" => Header(Or<FileName, NameAndValue>),
        /// A cookie: its name, or its name with a value.
        "cookie" => Cookie(Or<FileName, NameAndValue>),
    }
}

table! {
    /// A name with a value.
    pub struct NameAndValue {
        /// Of the header or cookie.
        name: FileName,
        /// No other will do.
        value: FileName,
    }
}

table! {
    /// Which version replaces which.
    pub struct Change {
        /// The version that serves.
        from: Name,
        /// The version that is to.
        to: Name,
        /// No progress for this long is reported, and rolled back by strategies with a gate.
        progress_deadline: Lasting = Lasting(Span::from_secs(600)),
        /// Which of the strategies, where there are several.
        strategy: Option<Name> = None,
        /// Without a strategy: how requests are split by the weight that somebody sets.
        split: Split = Split::Random,
        /// Without a strategy: the new version's share at the start.
        share: Percent = Percent::of(0.0),
    }
}

table! {
    /// What clients may not do, and how long anybody is waited for.
    pub struct Bounds {
        /// Connections at once; others are answered 503 and closed.
        connections: Whole<1, 1_000_000> = Whole::of(10_000),
        /// The head of a request; larger ones are answered 431.
        header_size: Size = Size(32 << 10),
        /// From the first byte of a head to its last; slower ones are answered 408.
        header_timeout: Lasting = Lasting(Span::from_secs(10)),
        /// The body of a request; larger ones are answered 413.
        body_size: Size = Size(64 << 20),
        /// Between two pieces of a body that a client sends.
        read_timeout: Lasting = Lasting(Span::from_secs(30)),
        /// For a client to take what it is sent.
        write_timeout: Lasting = Lasting(Span::from_secs(30)),
        /// Between two requests on a connection.
        idle: Lasting = Lasting(Span::from_secs(60)),
        /// Between two pieces over a connection that was upgraded, such as a WebSocket.
        tunnel_idle: Lasting = Lasting(Span::from_secs(3_600)),
        /// For an instance to accept a connection; the kernel tries again after 1s and 3s.
        connect_timeout: Lasting = Lasting(Span::from_secs(5)),
        /// For a connection to an instance to be used again.
        upstream_idle: Lasting = Lasting(Span::from_secs(30)),
        /// For requests under way when the proxy stops; then they are cut.
        stop: Lasting = Lasting(Span::from_secs(30)),
    }
}

//! The history in a real PostgreSQL: the same as in the local file, with late rows, with two monitors that agree or do
//! not, over TLS, and after the database was killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use comet::key::Address;
use palisade_monitor::config::{Postgres, SecretSource, TlsMode};
use palisade_monitor::flag::{self, Flag};
use palisade_monitor::history::note::{Happened, Kind, Note};
use palisade_monitor::io::history::{History, Written, read};
use palisade_monitor::io::postgres::{self, Connected, MirrorError, Mirrored};
use palisade_monitor::row::Row;
use palisade_monitor::set::{Member, Set};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A server of its own in a directory of its own; killed with its handle.
struct Server {
    binaries: PathBuf,
    dir: PathBuf,
    port: u16,
    child: Child,
}

/// PostgreSQL refuses to run as root: then it is `nobody`.
fn as_somebody(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

/// Where `nobody` can reach the programs: an unpacked package may lie in root's home.
fn reachable(binaries: &Path, dir: &Path) -> PathBuf {
    let tree = binaries.ancestors().nth(4).filter(|tree| *tree != Path::new("/"));
    match tree.filter(|_| rustix::process::geteuid().is_root()) {
        Some(tree) => {
            done(Command::new("cp").arg("-r").arg(tree).arg(dir.join("tree")));
            dir.join("tree").join(binaries.strip_prefix(tree).unwrap())
        }
        None => binaries.to_owned(),
    }
}

/// The libraries that were unpacked with the programs.
fn libraries(binaries: &Path) -> std::ffi::OsString {
    let beside = std::fs::read_dir(binaries.ancestors().nth(3).unwrap()).unwrap();
    let found = beside.filter_map(|e| e.ok().map(|e| e.path()));
    std::env::join_paths(found.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))).unwrap()
}

fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    fn start(dir: &Path) -> Self {
        let postgres = std::env::var_os("PALISADE_POSTGRES");
        let postgres = PathBuf::from(postgres.expect("PALISADE_POSTGRES; try: tests/run e2e"));
        let dir = dir.to_owned();
        let binaries = reachable(postgres.parent().unwrap(), &dir);
        let key =
            ["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=palisade test"];
        let names =
            ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"];
        let files = ["-keyout", "server.key", "-out", "server.crt"];
        done(Command::new("openssl").args(key).args(names).args(files).current_dir(&dir));
        std::fs::write(dir.join("password"), "a password's \\worth").unwrap();
        if rustix::process::geteuid().is_root() {
            done(Command::new("chown").arg("-R").arg("65534:65534").arg(&dir));
        }
        let mut initdb = as_somebody(&binaries.join("initdb"));
        initdb.env("LD_LIBRARY_PATH", libraries(&binaries));
        initdb
            .current_dir(&dir)
            .args(["-D", "data", "-N", "-U", "palisade", "--pwfile", "password", "-E", "UTF8"]);
        done(initdb.args(["-A", "scram-sha-256", "--locale", "C"]));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = run(&binaries, &dir, port);
        Self { binaries, dir, port, child }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = run(&self.binaries, &self.dir, self.port);
    }

    fn config(&self, writer: &str, tls: TlsMode) -> Postgres {
        Postgres {
            host: "127.0.0.1".into(),
            port: self.port,
            database: "postgres".into(),
            user: "palisade".into(),
            password: Some(SecretSource::File(self.dir.join("password"))),
            tls,
            ca: (tls == TlsMode::Verify).then(|| self.dir.join("server.crt")),
            writer: writer.into(),
        }
    }
}

fn run(binaries: &Path, dir: &Path, port: u16) -> Child {
    // What a killed one leaves behind; the port is free, so nobody uses it.
    let _ = std::fs::remove_file(dir.join("data/postmaster.pid"));
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = as_somebody(&binaries.join("postgres"));
    command.env("LD_LIBRARY_PATH", libraries(binaries));
    command.current_dir(dir).args(["-D", "data", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
    command.args(["-c", "ssl=on", "-c", "ssl_cert_file=../server.crt", "-c", "ssl_key_file=../server.key"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connected(config: &Postgres) -> Connected {
    for _ in 0..300 {
        match postgres::connect(config).await {
            Ok(connected) => return connected,
            // Not there yet, or still starting.
            Err(MirrorError::Postgres(e)) if e.code().is_none_or(|c| c.code().starts_with("57")) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{}", postgres::connect(config).await.unwrap_err())
}

fn row(height: i64) -> Arc<Row> {
    let member = |n: u8| Member { address: Address([n; 20]), power: i64::from(9 - n), key: vec![n; 32] };
    let count = if height / 700 % 2 == 0 { 8 } else { 6 };
    let members: Vec<_> = (1..=count).map(member).collect();
    let set = Arc::new(Set::new(format!("{count:064X}"), members));
    let flag = |n: i64| match (height * 7 + n * 13) % 41 {
        0 | 1 => Flag::Absent,
        2 => Flag::Nil,
        _ => Flag::Commit,
    };
    let flags = (0..i64::from(count)).map(flag).collect();
    let proposer = usize::try_from(height % 9).ok().filter(|p| *p < usize::from(count));
    let round = i32::from(height % 50 == 0);
    Arc::new(Row {
        height,
        time: 1_700_000_000_000_000_000 + height * 6_000_000_000,
        round,
        proposer,
        set,
        flags,
    })
}

fn write(history: &mut History, rows: &[Arc<Row>], notes: &[Note]) {
    for some in rows.chunks(500) {
        history.record(Written { rows: some, notes, ..Written::default() }, |_| None).unwrap();
    }
    while history.maintain().unwrap() {}
}

/// Everything of the local file is in the database, and nothing else.
async fn assert_same(connected: &Connected, history: &History) {
    let client = &connected.client;
    let mut rows = Vec::new();
    read::rows(history.connection(), 0..=1 << 40, None, |some| rows.extend_from_slice(some)).unwrap();
    let query = "SELECT height, time, round, proposer, set_hash, flags FROM palisade.block WHERE chain = 'c' ORDER BY 1";
    let theirs = client.query(query, &[]).await.unwrap();
    assert_eq!(theirs.len(), rows.len());
    for (theirs, ours) in theirs.iter().zip(&rows) {
        let proposer = ours.proposer.map(|p| ours.set.members()[p].address.0.to_vec());
        assert_eq!((theirs.get::<_, i64>(0), theirs.get::<_, i64>(1)), (ours.height, ours.time));
        assert_eq!((theirs.get::<_, i32>(2), theirs.get::<_, Option<Vec<u8>>>(3)), (ours.round, proposer));
        assert_eq!(theirs.get::<_, &str>(4), ours.set.hash());
        assert_eq!(theirs.get::<_, &[u8]>(5), flag::pack(&ours.flags));
    }
    let misses: usize = rows.iter().map(|r| r.flags.iter().filter(|f| f.missed()).count()).sum();
    let query = "SELECT count(*) FROM palisade.miss WHERE NOT nil";
    assert_eq!(client.query_one(query, &[]).await.unwrap().get::<_, i64>(0), i64::try_from(misses).unwrap());
    for span in [3600, 86_400] {
        let ours = read::rollups(history.connection(), span, 0..=1 << 40, None).unwrap();
        let query = "SELECT start, address, signed, missed, nil, proposed, head_missed, tail_missed, longest_missed \
                     FROM palisade.rollup WHERE span = $1 ORDER BY start, address";
        let theirs = client.query(query, &[&i32::try_from(span).unwrap()]).await.unwrap();
        assert_eq!(theirs.len(), ours.len(), "rollups of {span}");
        for (theirs, (start, address, s)) in theirs.iter().zip(&ours) {
            assert_eq!((theirs.get::<_, i64>(0), theirs.get::<_, &[u8]>(1)), (*start, address.0.as_slice()));
            let counts = [s.signed, s.missed, s.nil, s.proposed, s.head, s.tail, s.longest];
            let counts = counts.map(|n| i64::try_from(n).unwrap());
            assert_eq!(std::array::from_fn(|i| theirs.get::<_, i64>(i + 2)), counts, "{span} {start}");
        }
    }
    let ours = read::events(history.connection(), 0..=1 << 40).unwrap();
    let theirs = client.query("SELECT height, kind FROM palisade.event ORDER BY 1, 2", &[]).await.unwrap();
    let theirs: Vec<(i64, String)> = theirs.iter().map(|r| (r.get(0), r.get(1))).collect();
    assert_eq!(theirs, ours.iter().map(|e| (e.height, e.kind.name().to_owned())).collect::<Vec<_>>());
}

async fn mirror_all(connected: &mut Connected, mirrored: &Mirrored) -> Vec<i64> {
    let mut differ = Vec::new();
    loop {
        let done = postgres::step(&mut connected.client, mirrored, "c").await.unwrap();
        differ.extend(done.differ);
        if !done.more {
            return differ;
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/run"]
async fn the_shared_store_is_the_local_one() {
    let dir = tempfile::tempdir().unwrap();
    let (server_dir, a, b) = (dir.path().join("server"), dir.path().join("a"), dir.path().join("b"));
    std::fs::create_dir(&server_dir).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::start(&server_dir);
    let rows: Vec<_> = (1..=12_000).map(row).collect();
    let gap = Note::Gap { from: 3001, to: 3500 };
    let who = Some(Address([3; 20]));
    let jailed = Happened { height: 4000, time: 9, kind: Kind::Jailed, address: who };
    let mut history = History::open(&a, "c").unwrap();
    write(&mut history, &rows[..3000], &[]);
    write(&mut history, &rows[3500..10_000], &[gap, Note::Happened(jailed)]);
    let mirrored = |writer: &str, data_dir: &Path, tls| Mirrored {
        postgres: server.config(writer, tls),
        data_dir: data_dir.into(),
        chains: vec!["c".into()],
    };
    let first = mirrored("a", &a, TlsMode::Verify);
    let mut connection = connected(&first.postgres).await;
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(connection.client.query_one(query, &[]).await.unwrap().get::<_, bool>(0), "not encrypted");
    assert!(mirror_all(&mut connection, &first).await.is_empty());
    assert_same(&connection, &history).await;

    // Late rows, and new ones.
    history.merge(&rows[3000..3500], true).unwrap();
    write(&mut history, &rows[10_000..11_000], &[]);
    assert!(mirror_all(&mut connection, &first).await.is_empty());
    assert_same(&connection, &history).await;

    // Another monitor that saw the same, but for one height.
    let mut other = rows[..11_000].to_vec();
    let mut lie = Row::clone(&other[6000]);
    lie.flags[0] = Flag::Unknown;
    other[6000] = Arc::new(lie);
    write(&mut History::open(&b, "c").unwrap(), &other, &[]);
    let second = mirrored("b", &b, TlsMode::Off);
    let mut theirs = connected(&second.postgres).await;
    assert_eq!(mirror_all(&mut theirs, &second).await, [6001]);
    assert_same(&connection, &history).await;
    let query = "SELECT height, writer FROM palisade.difference";
    let noted = theirs.client.query(query, &[]).await.unwrap();
    let noted: Vec<(i64, String)> = noted.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(noted, [(6001, "b".into())]);

    // The database dies, and comes back: the service goes on by itself.
    server.kill();
    assert!(postgres::step(&mut connection.client, &first, "c").await.is_err());
    let board = Arc::new(watch::channel(Vec::new()).0);
    let service = tokio::spawn(postgres::run(first.clone(), board.clone()));
    write(&mut history, &rows[11_000..], &[]);
    let mut seen = board.subscribe();
    seen.wait_for(|all| all.iter().any(|p| p.failed > 0)).await.unwrap();
    server.start_again();
    let sent = seen.wait_for(|all| all.iter().any(|p| p.sent >= 1000 && p.waiting == 0));
    tokio::time::timeout(Duration::from_secs(60), sent).await.expect("the service did not go on").unwrap();
    service.abort();
    assert_same(&connected(&first.postgres).await, &history).await;

    // Who must not be trusted is not told the password.
    let stranger = Postgres { ca: None, ..server.config("c", TlsMode::Verify) };
    assert!(
        postgres::connect(&stranger).await.is_err(),
        "the system's authorities have not signed this server"
    );
}

//! The monitor's page in a real Chromium, on a chain with faults: what an operator does with it, what assistive technology
//! is told, and what is left in memory after an hour of blocks. Pictures are left in
//! `target/debug/page/`; `docs/screenshot` takes one of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_devnet::io::{Handle, Options, start};
use palisade_devnet::script::Script;
use palisade_devnet::seats::Origin;
use palisade_tests::binaries;
use palisade_tests::chromium::Chromium;
use palisade_tests::monitor_process::Monitor;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use serde_json::Value;

const SCRIPT: &str = r#"
[chain]
window = 400
min_signed = "0.5"
jail = "600s"

[random]
seed = 11
miss_per_million = 15000

[[event]]
at = 3
validator = 5
miss_every = 7

[[event]]
at = 20
validator = 12
down = 100000

[[event]]
at = 10
validator = 20
nil_every = 3

[[event]]
at = 20
late_round_every = 20

[[event]]
at = 30
join = 640
moniker = "<img src=x onerror=alert(1)>\u202egnp.exe"
"#;

const TOKEN: &str = "an-admin-token-of-32-characters-";
const HOSTILE: &str = "<img src=x onerror=alert(1)>gnp.exe";

fn devnet(runtime: &tokio::runtime::Runtime, seats: usize, block_time: u64) -> Handle {
    let origin = if seats == 64 { Origin::akashnet_1() } else { Origin::akashnet_1().with_seats(seats) };
    let script = Script::parse(SCRIPT, origin.seats.len()).unwrap();
    let block_time = Duration::from_millis(block_time);
    runtime.block_on(start(Options { origin, script, block_time, keep: 400, ..Options::default() })).unwrap()
}

fn monitor(dir: &Path, chain: &Handle) -> Monitor {
    let (rpc, grpc) = (chain.rpc_addr().to_string(), chain.grpc_addr().to_string());
    // The one of the script that is down, and a good one.
    let seats = Origin::akashnet_1().seats;
    let watch = [seats[12].valoper.as_str(), seats[3].valoper.as_str()];
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("token"), TOKEN).unwrap();
    let page = "[page]\nadmin_token = { file = \"token\" }\n";
    Monitor::start_with(dir, chain.chain_id(), &[&rpc], &[&grpc], &watch, page).unwrap()
}

fn pictures() -> PathBuf {
    let dir = binaries::own("palisade-monitor").unwrap().with_file_name("page");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// What stands in each row of the tables, column `kind`.
fn column(browser: &mut Chromium, kind: &str) -> Vec<String> {
    let ask =
        format!("[...document.querySelectorAll('.tables tbody .{kind}')].map((n) => n.innerText.trim())");
    let values = browser.eval(&ask).unwrap();
    values.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn updates(browser: &mut Chromium) -> i64 {
    browser.text("document.body.dataset.updates || '0'").unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs the built programs: tests/run"]
fn an_operator_works_with_the_page() {
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let chain = devnet(&runtime, 64, 200);
    let mut monitor = monitor(&dir.path().join("monitor"), &chain);
    monitor.reach(60, true, Duration::from_secs(120)).unwrap();
    let origin = format!("http://{}/", monitor.listen);
    let mut browser = Chromium::start(&dir.path().join("chromium")).unwrap();
    browser.screen(1280, 900).unwrap();
    browser.prefers("dark").unwrap();
    browser.open(&origin).unwrap();

    // One chain needs no overview: its grid is there, and it lives.
    browser.until("document.querySelectorAll('.tables tbody tr').length >= 64").unwrap();
    let height = "[...document.querySelectorAll('#facts dd')][0].innerText";
    let first = browser.text(height).unwrap();
    browser.until(&format!("{height} !== {first:?}")).unwrap();
    browser.until("document.getElementById('age').innerText.includes('live')").unwrap();

    // What is wrong with an own validator is said with what to type.
    browser.until("document.querySelector('.alarm.critical code') !== null").unwrap();
    let alarm = browser.text("document.querySelector('.alarm.critical').innerText").unwrap();
    assert!(alarm.contains("has missed the last") && alarm.contains("blocks to jail"), "{alarm}");
    assert_eq!(browser.eval("document.querySelectorAll('.card').length").unwrap(), 2);

    // A name is text, whatever is in it.
    browser
        .until(&format!(
            "[...document.querySelectorAll('.tables a')].some((a) => a.innerText === {HOSTILE:?})"
        ))
        .unwrap();
    assert_eq!(browser.eval("document.querySelectorAll('main img, main script').length").unwrap(), 0);

    // Sorting: by missed blocks, up and down again; own validators stay first until they are told not to.
    browser.eval("document.querySelector('.check input').click()").unwrap();
    browser.eval("document.querySelector('th.missed button').click()").unwrap();
    let missed: Vec<i64> = column(&mut browser, "missed").iter().map(|n| n.parse().unwrap()).collect();
    assert!(missed.is_sorted_by(|a, b| a >= b) && missed[0] > 20, "{missed:?}");
    browser.eval("document.querySelector('th.missed button').click()").unwrap();
    let missed: Vec<i64> = column(&mut browser, "missed").iter().map(|n| n.parse().unwrap()).collect();
    assert!(missed.is_sorted(), "{missed:?}");
    assert_eq!(
        browser.text("document.querySelector('th.missed').getAttribute('aria-sort')").unwrap(),
        "descending"
    );
    browser.eval("document.querySelector('th.name button').click()").unwrap();
    let names: Vec<String> =
        column(&mut browser, "name").iter().map(|n| n.replace("● ", "").to_lowercase()).collect();
    let is_sorted = names.iter().zip(names.iter().skip(1)).all(|(a, b)| a <= b);
    assert!(is_sorted, "{names:?}");
    browser.eval("document.querySelector('th.jail button').click()").unwrap();
    let jail = column(&mut browser, "jail");
    let blocks: Vec<i64> =
        jail.iter().filter_map(|t| t.split(' ').next()?.replace([',', '≥'], "").parse().ok()).collect();
    assert!(blocks.len() >= 60 && blocks.is_sorted(), "{jail:?}");

    // By keyboard: to the filter, a name, down into the table, to the validator, and back.
    browser.key("/").unwrap();
    browser.typed("mo").unwrap();
    browser.until("document.querySelectorAll('.tables tbody tr').length < 20").unwrap();
    browser.eval("document.getElementById('filter').value = ''").unwrap();
    browser.eval("document.getElementById('filter').dispatchEvent(new Event('input'))").unwrap();
    browser.key("Escape").unwrap();
    browser.eval("document.querySelector('.tables tbody a').focus()").unwrap();
    browser.key("ArrowDown").unwrap();
    let second = "document.activeElement === document.querySelectorAll('.tables tbody a')[1]";
    assert_eq!(browser.eval(second).unwrap(), true);
    browser.screenshot(&pictures().join("chain-64-dark.png")).unwrap();
    assert_accessible(&mut browser);
    let who = browser.text("document.activeElement.title").unwrap();
    browser.key("Enter").unwrap();
    browser.until("document.querySelector('canvas.window')?.width > 300").unwrap();
    assert!(browser.text("document.querySelector('.ids').innerText").unwrap().contains(&who));
    assert!(
        browser
            .text("document.querySelector('canvas.curve').getAttribute('aria-label')")
            .unwrap()
            .contains("are allowed")
    );
    assert!(is_painted(&mut browser, "canvas.window") && is_painted(&mut browser, "canvas.curve"));
    // Hours out of the history, or that the first one is not over.
    browser.until("document.querySelector('canvas.past')?.previousElementSibling.textContent.includes('hour') || document.querySelector('canvas.past')?.previousElementSibling.textContent.includes('signed')").unwrap();
    browser.screenshot(&pictures().join("validator.png")).unwrap();
    browser.key("Escape").unwrap();
    browser.until("document.querySelectorAll('.tables tbody tr').length >= 64").unwrap();

    // Light and dark: as the system, and by hand.
    let ground = "getComputedStyle(document.body).backgroundColor";
    let dark = browser.text(ground).unwrap();
    browser.prefers("light").unwrap();
    browser.until(&format!("{ground} !== {dark:?}")).unwrap();
    browser.screenshot(&pictures().join("chain-64-light.png")).unwrap();
    browser.key("t").unwrap();
    browser.key("t").unwrap();
    browser.until(&format!("{ground} === {dark:?}")).unwrap();
    browser.key("t").unwrap();

    // A telephone, and a wall: nothing is wider than the screen, and the wall does not scroll.
    browser.screen(390, 800).unwrap();
    browser.until("document.documentElement.scrollWidth <= 390").unwrap();
    browser.screenshot(&pictures().join("phone.png")).unwrap();
    browser.screen(2560, 1440).unwrap();
    browser.open(&format!("{origin}?wall")).unwrap();
    browser.until("document.querySelectorAll('.tables tbody tr').length >= 64").unwrap();
    browser.until("document.documentElement.scrollHeight <= 1440").unwrap();
    browser.screenshot(&pictures().join("wall-64.png")).unwrap();

    // Until here nothing was asked from elsewhere, and no policy was broken.
    assert!(browser.requests.len() > 10, "{:?}", browser.requests);
    let strange: Vec<_> = browser.requests.iter().filter(|url| !url.starts_with(&origin)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(browser.console.is_empty(), "{:?}", browser.console);

    sign_in(&mut browser, &origin);

    // The monitor goes away and comes back: the page says so, and goes on by itself.
    monitor.kill().unwrap();
    browser.until("document.body.classList.contains('blind')").unwrap();
    monitor.restart().unwrap();
    browser.until("!document.body.classList.contains('blind')").unwrap();
    drop(browser);
    monitor.stop().unwrap();
    runtime.block_on(chain.stop());
}

/// Whether anything but the background was drawn.
fn is_painted(browser: &mut Chromium, canvas: &str) -> bool {
    let ask = format!(
        "(() => {{ const c = document.querySelector({canvas:?}); \
         return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((byte) => byte > 0); }})()"
    );
    browser.eval(&ask).unwrap() == true
}

/// With the token somebody may change something, without it nobody.
fn sign_in(browser: &mut Chromium, origin: &str) {
    browser.screen(1280, 900).unwrap();
    browser.open(&format!("{origin}#/alerts")).unwrap();
    browser.until("document.getElementById('access').hidden === false").unwrap();
    let session = "fetch('api/session').then((answer) => answer.json())";
    assert_eq!(browser.eval(session).unwrap()["may_change"], false);
    browser.until("document.querySelector('.alertlist button') !== null").unwrap();
    let all_off =
        "[...document.querySelectorAll('.alertlist button, main .acts button')].every((b) => b.disabled)";
    assert_eq!(browser.eval(all_off).unwrap(), true, "without the token nobody orders");
    browser.eval("document.getElementById('access').click()").unwrap();
    browser.typed("not the token at all").unwrap();
    browser.key("Enter").unwrap();
    browser.until("document.getElementById('dialog-note').innerText.includes('not known')").unwrap();
    browser.typed(TOKEN).unwrap();
    browser.key("Enter").unwrap();
    browser.until("document.getElementById('access').innerText === 'Sign out'").unwrap();
    assert_eq!(browser.eval(session).unwrap()["may_change"], true);
    assert_eq!(browser.text("document.cookie").unwrap(), "", "scripts cannot read the session");
    // Down becomes jailed on the way, so whatever fires is acknowledged until one is shown so.
    order(
        browser,
        "Acknowledge",
        "document.querySelector('.alertlist').innerText.includes('acknowledged by page')",
    );
    let silences = |what: &str| format!("document.querySelector('main').innerText.includes({what:?})");
    order(browser, "Maintenance 2 h", &silences("maintenance of chain"));
    order(browser, "Silence 1 h", &silences("rule Palisade"));
    browser.screenshot(&pictures().join("alerts.png")).unwrap();
    order(
        browser,
        "End",
        "[...document.querySelectorAll('.acts button')].every((b) => b.innerText !== 'End')",
    );
    browser.eval("document.getElementById('access').click()").unwrap();
    browser.until("document.getElementById('access').innerText === 'Sign in'").unwrap();
    assert_eq!(browser.eval(session).unwrap()["may_change"], false);
}

/// Presses a button of that name until `done`.
fn order(browser: &mut Chromium, button: &str, done: &str) {
    let press = format!(
        "(() => {{ if ({done}) return true; \
         const b = [...document.querySelectorAll('.acts button')].find((b) => b.innerText === {button:?} && !b.disabled); \
         if (b) b.click(); return false; }})()"
    );
    browser.until(&press).unwrap();
}

/// Real tables with heads and named rows; every control and picture has a name; nothing speaks at every block.
fn assert_accessible(browser: &mut Chromium) {
    let tree = browser.accessible().unwrap();
    let count = |role: &str| tree.iter().filter(|(r, _)| r == role).count();
    assert!(count("table") + count("grid") >= 2, "{:?}", tree.iter().map(|t| &t.0).collect::<Vec<_>>());
    assert!(count("columnheader") >= 12 && count("rowheader") >= 64 && count("row") >= 64);
    assert_eq!((count("banner"), count("main"), count("contentinfo")), (1, 1, 1));
    for role in ["button", "link", "textbox", "searchbox", "checkbox", "image", "img"] {
        let nameless = tree.iter().filter(|(r, name)| r == role && name.trim().is_empty()).count();
        assert_eq!(nameless, 0, "{role} without a name");
    }
    let said = browser.text("document.getElementById('say').innerText").unwrap();
    let live =
        "[...document.querySelectorAll('[aria-live], [role=status], [role=alert]')].map((n) => n.id).join()";
    assert_eq!(browser.text(live).unwrap(), "say");
    let before = updates(browser);
    until("more updates", Duration::from_secs(30), || Ok((updates(browser) > before + 5).then_some(())))
        .unwrap();
    assert_eq!(browser.text("document.getElementById('say').innerText").unwrap(), said);
}

/// An hour of a chain with a block every six seconds.
const HOUR: i64 = 600;
/// Heights after which no row of the grid becomes longer.
const FULL: i64 = 320;

/// Follows a chain of `seats` until the letters of the grid are as many as they will ever be, then for an hour's worth.
fn stays_as_it_is(seats: usize, block_time: u64) {
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let chain = devnet(&runtime, seats, block_time);
    let mut monitor = monitor(&dir.path().join("monitor"), &chain);
    monitor.reach(20, true, Duration::from_secs(240)).unwrap();
    let origin = format!("http://{}/", monitor.listen);
    let mut browser = Chromium::start(&dir.path().join("chromium")).unwrap();
    browser.screen(1280, 900).unwrap();
    browser.prefers("dark").unwrap();
    browser.open(&origin).unwrap();
    browser.until(&format!("document.querySelectorAll('.tables tbody tr').length >= {seats}")).unwrap();
    let reach = |browser: &mut Chromium, wanted: i64| {
        let shown = "document.querySelector('#facts dd').innerText.replaceAll(',', '')";
        until("heights on the page", Duration::from_secs(600), || {
            std::thread::sleep(Duration::from_millis(500));
            let height: i64 = browser.text(shown)?.parse()?;
            anyhow::ensure!(height >= wanted, "{height} of {wanted}");
            Ok(Some(()))
        })
        .unwrap();
    };
    reach(&mut browser, FULL);
    let (heap, nodes) = browser.memory().unwrap();
    let told = updates(&mut browser);
    browser.screenshot(&pictures().join(format!("chain-{seats}.png"))).unwrap();
    reach(&mut browser, FULL + HOUR);
    let (heap_after, nodes_after) = browser.memory().unwrap();
    let told = updates(&mut browser) - told;
    println!(
        "{seats} validators: heap {heap:.0} then {heap_after:.0} bytes, {nodes} then {nodes_after} nodes, {told} updates"
    );
    assert!(told > HOUR / 3, "the page was told {told} times in {HOUR} blocks");
    assert!(heap_after < heap * 1.1 + 300_000.0, "the heap grew from {heap} to {heap_after}");
    assert!(nodes_after <= nodes + 20.0, "the document grew from {nodes} to {nodes_after}");
    let shown: Value = browser.eval("document.querySelectorAll('.tables tbody tr').length").unwrap();
    assert!(shown.as_u64().unwrap() >= u64::try_from(seats).unwrap());
    assert!(browser.console.is_empty(), "{:?}", browser.console);
    drop(browser);
    monitor.stop().unwrap();
    runtime.block_on(chain.stop());
}

/// Both at once: each waits for its blocks most of the time.
#[test]
#[ignore = "needs the built programs: tests/run"]
fn an_hour_of_64_and_of_1000_validators_leaves_nothing_behind() {
    let both = [(64, 200), (1_000, 250)]
        .map(|(seats, block_time)| std::thread::spawn(move || stays_as_it_is(seats, block_time)));
    let results = both.map(std::thread::JoinHandle::join);
    assert!(results.iter().all(Result::is_ok), "one of them failed");
}

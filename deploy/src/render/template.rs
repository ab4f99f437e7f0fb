//! The templates of the Ansible roles, rendered here as Ansible renders them there: one source, two engines, the same bytes.

use std::collections::BTreeMap;

use minijinja::Environment;
use serde_json::{Map, Value};

use crate::tree::{File, Part};

/// A template of a role, and the file it becomes.
struct Template {
    part: Part,
    text: &'static str,
    defaults: &'static str,
    target: &'static str,
    mode: &'static str,
    restarts: Option<&'static str>,
    /// Whether these variables call for the file.
    wanted: fn(&Map<String, Value>) -> bool,
}

macro_rules! role {
    ($role:literal, $file:literal) => {
        (
            include_str!(concat!("../../../ansible/roles/", $role, "/templates/", $file)),
            include_str!(concat!("../../../ansible/roles/", $role, "/defaults/main.yml")),
        )
    };
}

/// A template that cannot be rendered: ours or the collection's mistake, never the operator's.
#[derive(Debug, thiserror::Error)]
#[error(
    "host \"{host}\": the template of {target}: {source}\ntry: the palisade and the collection of one release"
)]
pub struct TemplateError {
    /// Host name.
    pub host: String,
    /// Path on the host.
    pub target: String,
    /// What minijinja says.
    pub source: minijinja::Error,
}

fn templates() -> Vec<Template> {
    let make = |part, (text, defaults), target, mode, restarts, wanted: fn(&Map<String, Value>) -> bool| {
        Template { part, text, defaults, target, mode, restarts, wanted }
    };
    let always: fn(&Map<String, Value>) -> bool = |_| true;
    let wireguard: fn(&Map<String, Value>) -> bool = |v| v.get("host_wireguard") == Some(&Value::Bool(true));
    let signer: fn(&Map<String, Value>) -> bool = |v| v.contains_key("signer_config_src");
    let usb: fn(&Map<String, Value>) -> bool = |v| v.get("signer_usb") == Some(&Value::Bool(true));
    let monitor: fn(&Map<String, Value>) -> bool = |v| v.contains_key("monitor_config_src");
    let etcd: fn(&Map<String, Value>) -> bool = |v| v.contains_key("etcd_name");
    let watch: fn(&Map<String, Value>) -> bool = |v| v.contains_key("sentry_config_src");
    let prometheus: fn(&Map<String, Value>) -> bool = |v| v.contains_key("prometheus_scrapes");
    let host = Part::Host;
    vec![
        make(host, role!("host", "nftables.nft.j2"), "/etc/palisade/host/nftables.nft", "0600", None, always),
        make(
            host,
            role!("host", "palisade-firewall.service.j2"),
            "/usr/local/lib/systemd/system/palisade-firewall.service",
            "0644",
            None,
            always,
        ),
        make(
            host,
            role!("host", "sshd.conf.j2"),
            "/etc/ssh/sshd_config.d/10-palisade.conf",
            "0600",
            None,
            always,
        ),
        make(
            host,
            role!("host", "chrony.conf.j2"),
            "/etc/chrony/chrony.conf",
            "0644",
            Some("chrony.service"),
            always,
        ),
        make(
            host,
            role!("host", "journald.conf.j2"),
            "/etc/systemd/journald.conf.d/palisade.conf",
            "0644",
            Some("systemd-journald.service"),
            always,
        ),
        make(
            host,
            role!("host", "sysctl.conf.j2"),
            "/etc/sysctl.d/90-palisade.conf",
            "0644",
            Some("systemd-sysctl.service"),
            always,
        ),
        make(host, role!("host", "modprobe.conf.j2"), "/etc/modprobe.d/palisade.conf", "0644", None, always),
        make(
            host,
            role!("host", "coredump.conf.j2"),
            "/etc/systemd/coredump.conf.d/palisade.conf",
            "0644",
            None,
            always,
        ),
        make(
            host,
            role!("host", "wireguard.conf.j2"),
            "/etc/wireguard/wg0.conf",
            "0600",
            Some("wg-quick@wg0.service"),
            wireguard,
        ),
        make(
            host,
            role!("host", "wireguard-dropin.conf.j2"),
            "/etc/systemd/system/wg-quick@wg0.service.d/palisade.conf",
            "0644",
            None,
            wireguard,
        ),
        make(
            Part::Signer,
            role!("signer", "palisade-signer.service.j2"),
            "/usr/local/lib/systemd/system/palisade-signer.service",
            "0644",
            None,
            signer,
        ),
        make(
            Part::Signer,
            role!("signer", "yubihsm.rules.j2"),
            "/etc/udev/rules.d/70-palisade-yubihsm.rules",
            "0644",
            None,
            usb,
        ),
        make(
            Part::Monitor,
            role!("monitor", "palisade-monitor.service.j2"),
            "/usr/local/lib/systemd/system/palisade-monitor.service",
            "0644",
            Some("palisade-monitor.service"),
            monitor,
        ),
        make(
            Part::Etcd,
            role!("etcd", "etcd.yml.j2"),
            "/etc/palisade/etcd/etcd.yml",
            "0640",
            Some("palisade-etcd.service"),
            etcd,
        ),
        make(
            Part::Etcd,
            role!("etcd", "palisade-etcd.service.j2"),
            "/usr/local/lib/systemd/system/palisade-etcd.service",
            "0644",
            Some("palisade-etcd.service"),
            etcd,
        ),
        make(
            Part::Watch,
            role!("sentry", "palisade-sentry-watch.service.j2"),
            "/usr/local/lib/systemd/system/palisade-sentry-watch.service",
            "0644",
            Some("palisade-sentry-watch.service"),
            watch,
        ),
        make(
            Part::Prometheus,
            role!("prometheus", "prometheus.yml.j2"),
            "/etc/palisade/prometheus/prometheus.yml",
            "0644",
            Some("prometheus.service"),
            prometheus,
        ),
        make(
            Part::Prometheus,
            role!("prometheus", "alertmanager.yml.j2"),
            "/etc/palisade/prometheus/alertmanager.yml",
            "0640",
            Some("prometheus-alertmanager.service"),
            prometheus,
        ),
        make(
            Part::Prometheus,
            role!("prometheus", "prometheus-dropin.conf.j2"),
            "/etc/systemd/system/prometheus.service.d/palisade.conf",
            "0644",
            Some("prometheus.service"),
            prometheus,
        ),
        make(
            Part::Prometheus,
            role!("prometheus", "alertmanager-dropin.conf.j2"),
            "/etc/systemd/system/prometheus-alertmanager.service.d/palisade.conf",
            "0644",
            Some("prometheus-alertmanager.service"),
            prometheus,
        ),
    ]
}

/// The engine, set as Ansible sets Jinja2, with every template and its role's defaults read once.
pub(crate) struct Engine {
    environment: Environment<'static>,
    templates: Vec<(Template, Map<String, Value>)>,
    node: (&'static str, Map<String, Value>),
}

impl Engine {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        let ansible = environment.syntax().to_builder().trim_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(ansible.expect("only whitespace is changed"));
        let mut read: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        let mut defaults = |text: &'static str| {
            let parsed = || serde_saphyr::from_str(text).expect("the collection's check reads the same file");
            read.entry(text).or_insert_with(parsed).clone()
        };
        let mut all = Vec::new();
        for template in templates() {
            environment
                .add_template(template.target, template.text)
                .expect("the templates of the collection are rendered by a test");
            let defaults = defaults(template.defaults);
            all.push((template, defaults));
        }
        let (text, node_defaults) = role!("node", "palisade-node.service.j2");
        environment.add_template("node", text).expect("rendered by a test");
        let node = ("node", defaults(node_defaults));
        Self { environment, templates: all, node }
    }

    /// The files of one host that come from templates.
    pub(crate) fn files(&self, host: &str, vars: &Map<String, Value>) -> Result<Vec<File>, TemplateError> {
        let mut files = Vec::new();
        for (template, defaults) in self.templates.iter().filter(|(template, _)| (template.wanted)(vars)) {
            let mut context = defaults.clone();
            context.extend(vars.clone());
            let text = self.text(host, template.target, template.target, &context)?;
            let group = match (template.mode, template.part) {
                ("0640", Part::Etcd) => "palisade-etcd",
                ("0640", _) => "prometheus",
                _ => "root",
            };
            files.push(File {
                host: host.to_owned(),
                part: template.part,
                target: template.target.to_owned(),
                text,
                mode: template.mode,
                owner: "root",
                group: group.to_owned(),
                restarts: template.restarts.map(str::to_owned),
                whole: true,
            });
        }
        for node in vars.get("node_instances").and_then(Value::as_array).into_iter().flatten() {
            let chain = node["chain"].as_str().unwrap_or_default();
            let unit = crate::tree::node_unit(chain);
            let target = format!("/usr/local/lib/systemd/system/{unit}");
            let mut context = self.node.1.clone();
            context.insert("node_instance".into(), node.clone());
            let text = self.text(host, &target, self.node.0, &context)?;
            let group = "root".to_owned();
            let (part, restarts) = (Part::Node, Some(unit));
            let (host, mode, owner) = (host.to_owned(), "0644", "root");
            files.push(File { host, part, target, text, mode, owner, group, restarts, whole: true });
        }
        Ok(files)
    }

    fn text(
        &self,
        host: &str,
        target: &str,
        name: &str,
        context: &Map<String, Value>,
    ) -> Result<String, TemplateError> {
        let rendered = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(minijinja::value::Serde(context)));
        rendered.map_err(|source| TemplateError { host: host.to_owned(), target: target.to_owned(), source })
    }
}

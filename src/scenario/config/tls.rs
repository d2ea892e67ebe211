//! TLS is out of scope: whoever asks for it is told so, not that a key is unknown.

use crate::yaml::problem::Problems;
use crate::yaml::tree::{Data, KeyPath, Node};

/// What people write who expect a proxy to speak TLS.
const WORDS: [&str; 8] = ["tls", "ssl", "https", "certificate", "certificates", "cert", "cert-file", "key-file"];
/// Tables that are looked into.
const TABLES: [&str; 5] = ["admin", "check", "limits", "proxies", "traffic"];

const REASON: &str =
    "found TLS, which is out of scope: put what speaks it in front, such as nginx, HAProxy or a load balancer";

/// Takes keys that ask for TLS out of a configuration, and notes each as a problem.
pub(super) fn refuse(node: &mut Node, problems: &mut Problems) {
    refuse_in(node, &KeyPath::top(), problems);
    let Data::Table(entries) = &mut node.data else { return };
    for (key, node) in entries {
        let at = KeyPath::top().key(&key.text);
        match (&mut node.data, key.text.as_str()) {
            (Data::Table(versions), "versions") => {
                versions.iter_mut().for_each(|(name, node)| refuse_in(node, &at.key(&name.text), problems));
            }
            (Data::Table(_), table) if TABLES.contains(&table) => refuse_in(node, &at, problems),
            _ => {}
        }
    }
}

fn refuse_in(node: &mut Node, at: &KeyPath, problems: &mut Problems) {
    let Data::Table(entries) = &mut node.data else { return };
    entries.retain(|(key, _)| {
        let asks = WORDS.contains(&key.text.as_str());
        if asks {
            problems.add(key.place, &at.key(&key.text), REASON.to_owned());
        }
        !asks
    });
}

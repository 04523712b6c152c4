/*
 * libtorrent - a host for libtorrent's DHT, so that it can stand beside kad in a run.
 *
 *     libtorrent ADDRESS:PORT [BOOTSTRAP:PORT]
 *
 * All limits that would make it refuse a load are lifted, loopback is accepted, and
 * everything that is not its DHT is off. Reads commands on standard input: an infohash
 * in hex starts a search for its peers. Ends with its standard input.
 */
#include <libtorrent/alert_types.hpp>
#include <libtorrent/hex.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>

#include <cstdio>
#include <cstring>
#include <string>

namespace lt = libtorrent;

static lt::session_params settings(const std::string &listen, const std::string &bootstrap)
{
    lt::session_params params;
    lt::settings_pack &s = params.settings;
    const int plenty = 100000000; /* it multiplies by ten, in an int */

    s.set_str(lt::settings_pack::listen_interfaces, listen);
    s.set_str(lt::settings_pack::dht_bootstrap_nodes, bootstrap);
    s.set_int(lt::settings_pack::alert_mask, 0);
    s.set_bool(lt::settings_pack::enable_dht, true);
    s.set_bool(lt::settings_pack::enable_lsd, false);
    s.set_bool(lt::settings_pack::enable_upnp, false);
    s.set_bool(lt::settings_pack::enable_natpmp, false);
    s.set_int(lt::settings_pack::dht_upload_rate_limit, plenty);
    s.set_int(lt::settings_pack::dht_block_ratelimit, plenty);
    s.set_int(lt::settings_pack::dht_max_peers, 5000);
    s.set_int(lt::settings_pack::dht_max_torrents, 300000);
    s.set_int(lt::settings_pack::dht_max_dht_items, 50000);
    s.set_bool(lt::settings_pack::dht_restrict_routing_ips, false);
    s.set_bool(lt::settings_pack::dht_restrict_search_ips, false);
    s.set_bool(lt::settings_pack::dht_prefer_verified_node_ids, false);
    s.set_bool(lt::settings_pack::dht_enforce_node_id, false);
    s.set_bool(lt::settings_pack::dht_ignore_dark_internet, false);
    return params;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::fprintf(stderr, "usage: libtorrent ADDRESS:PORT [BOOTSTRAP:PORT]\n");
        return 2;
    }
    lt::session session(settings(argv[1], argc > 2 ? argv[2] : ""));
    char line[256];

    while (std::fgets(line, sizeof line, stdin)) {
        lt::sha1_hash infohash;

        line[std::strcspn(line, "\r\n")] = 0;
        if (std::strlen(line) == 40 && lt::aux::from_hex({line, 40}, infohash.data()))
            session.dht_get_peers(infohash);
    }
    session.abort();
    return 0;
}

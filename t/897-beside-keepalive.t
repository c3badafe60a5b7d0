# `keepalive` in the upstream, and others who use it: connections that nginx keeps there are theirs.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

my @stores = map { RustPageCache::Memcached->start(dir => scratch) } 1 .. 2;
my $servers = join ' ', map { "server @{[$_->address]};" } @stores;
my %upstream = (
    'turns' => "$servers keepalive 8;",
    'least' => "least_conn; $servers keepalive 8;",
    'hash'  => "hash \$uri; $servers keepalive 8;",
    'one'   => "server @{[$stores[0]->address]}; keepalive 8;",
    'zone'  => "zone zone 64k; $servers keepalive 8;",
);
for my $store (@stores) {
    $store->set("/$_/page", "page $_\n") for keys %upstream;
}
my $nginx = nginx(
    http   => join("\n", map { "upstream $_ { $upstream{$_} }" } sort keys %upstream),
    server => join "\n", <<'CONF', map { <<"CONF" } sort keys %upstream);
    location @django {
        return 200 fallback;
    }
CONF
    location /$_ {
        rust_page_cache memcached://$_ key=raw;
    }
    location /stock/$_/ {
        set \$memcached_key /$_/page;
        memcached_pass $_;
    }
CONF

sub connections () {
    my $n = 0;
    $n += $_->stat('curr_connections') for @stores;
    return $n;
}

sub both ($name, $turns) {
    my @wrong;
    for my $turn (1 .. $turns) {
        # Two of nginx's own first, so that a connection to each server is kept.
        for my $target (("/stock/$name/$turn") x 2, ("/$name/page") x 3) {
            my $response = $nginx->get($target);
            push @wrong, $target if !$response || $response->body ne "page $name\n";
        }
    }
    is "@wrong", '', "$name: every answer is right";
    return;
}

for my $name (sort keys %upstream) {
    both($name, 3);
    my ($descriptors, $connections) = ($nginx->descriptors, connections);
    both($name, 15);
    cmp_ok abs($nginx->descriptors - $descriptors), '<=', 4, "$name: no descriptor is left open";
    cmp_ok abs(connections() - $connections), '<=', 4, "$name: nor a connection to a store";
}

# The module's own connections are never put there.
$nginx->get('/one/page') for 1 .. 10;
is $nginx->get('/stock/one/1')->body, "page one\n", 'nginx does not get one of ours';
is $nginx->get('/one/page')->cache, 'HIT', 'and we go on';
$nginx->finish;

done_testing;

# rust_page_cache_connections: per worker and server, at most.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my @targets = map { "/$_" } 1 .. 200;

# directive, connections at most
for my $row (['', 2], ['rust_page_cache_connections 1;', 1], ['rust_page_cache_connections 5;', 5]) {
    my ($directive, $most) = @$row;
    my $store = fake_memcached(sub ($c, $key) { $c->pause(0.002)->value($key, "page $key\n") });
    my $nginx = nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    $directive
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    my @responses = $nginx->get_many(@targets);
    is_deeply [map { $_->body } @responses], [map { "page $_\n" } @targets], "at most $most: all pages";
    cmp_ok $store->connections, '<=', $most, "at most $most: no more are opened";

    my $opened = $store->connections;
    $nginx->get('/1') for 1 .. 10;
    cmp_ok $store->connections, '<=', $most, "at most $most: and they are kept";
    $nginx->finish("at most $most");
}

# Several look-ups are under way over one connection: two hundred that take 50 ms each
# would take ten seconds one after the other.
use Time::HiRes qw(time);
my $patient = fake_server(
    sub ($c) {
        # Whatever has come within a moment is answered together.
        while (defined(my $line = $c->line)) {
            $c->pause(0.05);
            my @lines = ($line);
            push @lines, $c->line while $c->{buffer} =~ /\r\n/ || $c->more;
            $c->send(join '', map { my ($key) = /^get (\S+)/; "VALUE $key 0 3\r\nhit\r\nEND\r\n" } @lines);
        }
    },
    scheme => 'memcached',
);
my $nginx = nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    rust_page_cache_connections 1;
    location / {
        rust_page_cache @{[$patient->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $begin     = time;
my @responses = $nginx->get_many(@targets);
is scalar(grep { $_->body eq 'hit' } @responses), scalar @targets, 'all of them over one connection';
cmp_ok time - $begin, '<', 5, 'many at a time';
is $patient->connections, 1, 'and one it was';
$nginx->finish('one connection');

done_testing;

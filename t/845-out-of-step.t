# Bytes that nobody asked for never become anybody's page.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

sub reply ($key, $page) { return "VALUE $key 0 " . length($page) . "\r\n$page\r\nEND\r\n" }
sub bulk ($page)        { return '$' . length($page) . "\r\n$page\r\n" }

# What follows a reply comes in one segment with it, or a moment later; the next
# look-up waits until that has happened, so that nothing is outstanding. (While
# something is, a Redis that says too much cannot be told from one that answers.)
my %store = (
    'a doubled reply' => fake_memcached(sub ($c, $key) {
        $c->send(reply($key, "page $key\n") . reply('/b', "poison\n"));
    }),
    'a second reply a moment later' => fake_memcached(sub ($c, $key) {
        $c->value($key, "page $key\n")->pause(0.05)
            ->send(reply('/b', "poison\n") . reply('/a', "poison\n"));
    }),
    'junk behind END' => fake_memcached(sub ($c, $key) {
        $c->send(reply($key, "page $key\n") . "junk\r\n");
    }),
    'a doubled reply of Redis' => fake_redis(sub ($c, $key) {
        $c->send(bulk("page $key\n") . bulk("poison\n"));
    }),
    'a second reply of Redis a moment later' => fake_redis(sub ($c, $key) {
        $c->bulk("page $key\n")->pause(0.05)->bulk("poison\n");
    }),
    'a push of Redis' => fake_redis(sub ($c, $key) {
        $c->send(bulk("page $key\n") . ">2\r\n\$10\r\ninvalidate\r\n*1\r\n\$2\r\n/a\r\n");
    }),
);

for my $name (sort keys %store) {
    my $store = $store{$name};
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_connections 1;
        rust_page_cache_timeout 1s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    for my $turn (1 .. 2) {
        for my $target ('/a', '/b') {
            my $response = $nginx->get($target);
            like $response->body, qr/^(?:page \Q$target\E|fallback)\n$/, "$name, $turn $target: its own";
            ok wait_until(sub { $store->closed == $store->connections }),
                "$name, $turn $target: the connection is closed";
        }
    }
    $nginx->finish($name);
}

# Many in flight: the key that memcached repeats tells whose a reply is.
my $store = fake_memcached(sub ($c, $key) { $c->send(reply($key, "page $key\n") x 2) });
my $nginx = nginx(
    errors => [$store->address, 'rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_connections 1;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
my @targets   = map { "/$_" } 1 .. 30;
my @responses = $nginx->get_many(@targets);
for my $i (0 .. $#targets) {
    like $responses[$i]->body, qr/^(?:page \Q$targets[$i]\E|fallback)\n$/, "many doubled replies, $i";
}
$nginx->finish('many doubled replies');

done_testing;

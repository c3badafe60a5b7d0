# Replies that come byte by byte, or many in one piece.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $page = join '', map { "line $_\r\n" } 1 .. 20;

my $memcached = fake_memcached(sub ($c, $key) {
    $c->dribble("VALUE $key 0 " . length($page) . "\r\n$page\r\nEND\r\n");
});
my $absent = fake_memcached(sub ($c, $key) { $c->dribble("END\r\n") });
my $redis  = fake_redis(
    sub ($c, $key) { $c->dribble('$' . length($page) . "\r\n$page\r\n") },
    handshake => sub ($c, @words) { $c->dribble("+OK\r\n") },
);
my $null = fake_redis(sub ($c, $key) { $c->dribble("\$-1\r\n") });

my $nginx = nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    rust_page_cache_connect_timeout 5s;
    location /memcached {
        rust_page_cache @{[$memcached->uri]} key=raw;
    }
    location /redis {
        rust_page_cache redis://user:password\@@{[$redis->address]}/2 key=raw;
    }
    location /absent {
        rust_page_cache @{[$absent->uri]} key=raw;
    }
    location /null {
        rust_page_cache @{[$null->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

for my $turn (1 .. 2) {
    is $nginx->get($_)->body, $page, "$_, $turn: the page" for '/memcached', '/redis';
    is $nginx->get($_)->cache, 'MISS absent', "$_, $turn: absent" for '/absent', '/null';
}
my @responses = $nginx->get_many(('/memcached', '/redis') x 4);
is $_->body, $page, 'several at once: the page' for @responses;

is_deeply [($redis->commands)[0 .. 1]], ['AUTH user password', 'SELECT 2'],
    'what is said before the first look-up';
is scalar(grep { $_ eq 'AUTH user password' } $redis->commands), $redis->connections,
    'once for each connection';

$nginx->finish;

done_testing;

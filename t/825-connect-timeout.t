# rust_page_cache_connect_timeout: to connect and to be let in.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

my $silent = fake_redis(
    sub ($c, $key) { $c->bulk("stored\n") },
    handshake => sub ($c, @words) { $c->stall },
);
my $slow = fake_redis(
    sub ($c, $key) { $c->bulk("stored\n") },
    handshake => sub ($c, @words) { $c->pause(0.3)->send("+OK\r\n") },
);

my $nginx = nginx(
    errors => [$silent->address, $slow->address],
    server => <<"CONF",
    rust_page_cache_timeout 5s;
    location /auth {
        rust_page_cache redis://:password\@@{[$silent->address]} key=raw;
        rust_page_cache_connect_timeout 500ms;
    }
    location /select {
        rust_page_cache redis://@{[$silent->address]}/3 key=raw;
        rust_page_cache_connect_timeout 500ms;
    }
    location /slow {
        rust_page_cache redis://:password\@@{[$slow->address]} key=raw;
        rust_page_cache_connect_timeout 4s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

my $begin    = time;
my $response = $nginx->get('/auth');
my $took     = time - $begin;
like $response->cache, qr/^ERROR (?:connect|timeout)$/, 'AUTH is not answered';
is $response->body, "fallback\n", 'AUTH is not answered: the fallback answers';
cmp_ok $took, '>=', 0.45, 'AUTH is not answered: after its time, not before';
cmp_ok $took, '<', 4, 'AUTH is not answered: long before the whole budget';
is $nginx->get('/select')->body, "fallback\n", 'SELECT is not answered';
is $nginx->get('/slow')->body, "stored\n", 'slowly, but in time';

$nginx->finish;

done_testing;

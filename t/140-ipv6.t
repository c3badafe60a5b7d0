# HOST may be an IPv6 address in brackets.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use IO::Socket::IP;

IO::Socket::IP->new(LocalHost => '::1', Listen => 1)
    or plan skip_all => 'this machine has no IPv6 loopback';

my $store = RustPageCache::Memcached->start(dir => scratch, host => '[::1]');
$store->set('/page', "stored\n");
my $port  = $store->port;
my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache memcached://[::1]:$port key=raw;
        add_header X-Cache \$rust_page_cache_status;
        add_header X-Store \$rust_page_cache_store;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $response = $nginx->get('/page');
is $response->cache, 'HIT', 'a hit';
is $response->body, "stored\n", 'the page';
is $response->header('X-Store'), "[::1]:$port", 'the address of the server asked';

$nginx->finish;

done_testing;

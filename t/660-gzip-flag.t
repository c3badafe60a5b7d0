# rust_page_cache_gzip_flag: values that are gzip already.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use IO::Compress::Gzip qw(gzip);
use IO::Uncompress::Gunzip qw(gunzip);

my $page = "stored page\n" x 100;
gzip(\$page, \my $zipped);
memcached->set('zipped', $zipped, 2);
memcached->set('both',   $zipped, 2 | 16);
memcached->set('plain',  $page,   0);
memcached->set('other',  $page,   16);

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag 2;
    }
    location /gunzip {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_gzip_flag 2;
        gunzip on;
    }
    location /without {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

for my $key ('zipped', 'both') {
    my $response = $nginx->get("/?key=$key", 'Accept-Encoding' => 'gzip');
    is $response->cache, 'HIT', "$key: a hit";
    is $response->header('Content-Encoding'), 'gzip', "$key: the flag is set";
    is $response->body, $zipped, "$key: sent as it is stored";
    is $response->header('Content-Length'), length $zipped, "$key: length";

    my $unzipped = $nginx->get("/gunzip?key=$key");
    is $unzipped->header('Content-Encoding'), undef, "$key: gunzip for who takes no gzip";
    is $unzipped->body, $page, "$key: gunzip gives the page";
    is $nginx->get("/gunzip?key=$key", 'Accept-Encoding' => 'gzip')->body, $zipped,
        "$key: gunzip leaves it for who does";
}
for my $key ('plain', 'other') {
    my $response = $nginx->get("/?key=$key", 'Accept-Encoding' => 'gzip');
    is $response->header('Content-Encoding'), undef, "$key: the flag is not set";
    is $response->body, $page, "$key: the page";
}
my $without = $nginx->get('/without?key=zipped', 'Accept-Encoding' => 'gzip');
is $without->header('Content-Encoding'), undef, '0 is the default: no flag means gzip';

$nginx->finish;

done_testing;

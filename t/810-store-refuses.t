# A store that never was there: `connect`, then `down` at once, one line.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

my $port   = free_port;
my $socket = scratch . '/absent.sock';
my %store  = (
    "127.0.0.1:$port" => "memcached://127.0.0.1:$port",
    "unix:$socket"    => "memcached://unix:$socket",
    '127.0.0.77:11211' => 'memcached://127.0.0.77',
    '127.0.0.77:6379'  => 'redis://127.0.0.77',
);

for my $address (sort keys %store) {
    my $nginx = nginx(
        errors => [$address],
        server => <<"CONF",
    location / {
        rust_page_cache $store{$address} key=raw;
        add_header X-Cache \$rust_page_cache_status;
        add_header X-Cache-Reason \$rust_page_cache_reason;
    }
    location \@django {
        add_header X-Cache \$rust_page_cache_status;
        add_header X-Cache-Reason \$rust_page_cache_reason;
        add_header X-Store \$rust_page_cache_store;
        return 200 "fallback\\n";
    }
CONF
    );
    my $first = $nginx->get('/page');
    is $first->cache, 'ERROR connect', "$address: the first look-up finds nobody";
    is $first->header('X-Store'), $address, "$address: the address of the server asked";
    is $first->body, "fallback\n", "$address: the fallback answers";
    my $begin = time;
    my @after = map { $nginx->get('/page') } 1 .. 20;
    cmp_ok time - $begin, '<', 3, "$address: then nobody waits";
    is scalar(grep { $_->cache eq 'ERROR down' } @after), 20, "$address: then it is down";
    is scalar(grep { $_->body eq "fallback\n" } @after), 20, "$address: and the fallback answers";
    is scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), 1, "$address: one line";
    $nginx->finish($address);
}

done_testing;

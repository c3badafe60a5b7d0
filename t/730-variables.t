# The variables: in headers, in the access log, and after the fallback.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
memcached->set('/page', "stored\n");
memcached_unix->set('/page', "stored\n");

my $closed = free_port;
my $nginx  = nginx(
    errors => ["127.0.0.1:$closed"],
    bare   => 1,
    http   => <<'CONF',
    log_format cache '$request_uri|$rust_page_cache_status|$rust_page_cache_reason|'
                     '$rust_page_cache_key|$rust_page_cache_store|$rust_page_cache_time|'
                     '$rust_page_cache_full_path|$status';
    access_log access.log cache;
    map $rust_page_cache_status $mapped {
        volatile;
        default "mapped $rust_page_cache_status";
    }
CONF
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
        add_header X-Hit \$rust_page_cache_status;
        add_header X-Mapped \$mapped;
    }
    location /unix {
        rust_page_cache @{[memcached_unix->uri]} key=raw uri=/page;
        add_header X-Store \$rust_page_cache_store;
    }
    location /down {
        rust_page_cache memcached://127.0.0.1:$closed key=raw;
    }
    location /handler {
        rust_page_cache @{[memcached->uri]} key=raw;
        proxy_pass http://127.0.0.1:@{[app->port]};
        proxy_set_header X-Reason \$rust_page_cache_reason;
    }
    location /off {
        rust_page_cache off;
        return 200 "off";
    }
    location \@django {
        add_header X-Miss "\$rust_page_cache_status \$rust_page_cache_reason \$rust_page_cache_key";
        proxy_set_header X-Reason \$rust_page_cache_reason;
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
);

my $hit = $nginx->get('/page');
is $hit->header('X-Hit'), 'HIT', 'in a header of a hit';
is $hit->header('X-Mapped'), 'mapped HIT', 'in a map';
is $nginx->get('/unix')->header('X-Store'), 'unix:' . memcached_unix->socket, 'the address of a unix socket';
is $nginx->get('/none?a=1')->header('X-Miss'), 'MISS absent /none?a=1', 'in a header of the fallback';
ok scalar(grep { $_ eq 'X-Reason: absent' } @{app->last->{headers}}), 'in what the fallback is sent';
is $nginx->request('POST', '/page')->header('X-Miss'), 'BYPASS method ', 'after a bypass there is no key';
$nginx->get('/handler');
ok scalar(grep { $_ eq 'X-Reason: absent' } @{app->last->{headers}}), 'in what the handler is sent';
$nginx->get('/down');
$nginx->get('/off');

my $log;
wait_until(sub { ($log = $nginx->read_file('access.log')) =~ m{^/off}m });
my %line = map { my ($uri, @rest) = split /\|/, $_, -1; ($uri => \@rest) } split /\n/, $log;

my $address = '127.0.0.1:' . memcached->port;
my $time    = qr/^\d+\.\d{3}$/;

# status, reason, key, store, time, full path, status of the response
check('/none?a=1', 'MISS',  'absent',  '/none?a=1', $address,            $time, '/none?a=1', 200);
check('/handler',  'MISS',  'absent',  '/handler',  $address,            $time, '/handler',  200);
check('/down',     'ERROR', 'connect', '/down',     "127.0.0.1:$closed", $time, '/down',     200);
check('/off',      '',      '',        '',          '',                  qr/^-?$/, '/off',   200);
my ($post, $get) = (grep({ /^\/page\|BYPASS/ } split /\n/, $log), grep { /^\/page\|HIT/ } split /\n/, $log);
like $post, qr{^/page\|BYPASS\|method\|-?\|-?\|(?:-|0\.000)?\|/page\|200$}, 'the log line of a bypass';
like $get, qr{^/page\|HIT\|-?\|/page\|\Q$address\E\|\d+\.\d{3}\|/page\|200$}, 'the log line of a hit';

$nginx->finish;

# nginx writes `-` for a variable without a value.
sub check ($uri, @expected) {
    my @got = @{$line{$uri} // []};
    for my $i (0 .. $#expected) {
        my $name  = "$uri, field $i";
        my $value = $got[$i] // 'no line';
        $value = '' if $value eq '-' && !ref $expected[$i];
        ref $expected[$i] ? like($value, $expected[$i], $name) : is($value, $expected[$i], $name);
    }
    return;
}

done_testing;

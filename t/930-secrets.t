# Credentials appear in no log, error or variable.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my @secrets = ('s3cr:t/p@ss', 's3cr%3At%2Fp%40ss', 'us3r%pw', 'us3r%25pw', 'wr0ng-s3cret', 'page-cache-user');

redis_auth->set('/right', "stored\n");
my $address = redis_auth->address;
my $closed  = free_port;

# With everything that nginx and the module have to say.
local $ENV{TEST_NGINX_LOG_LEVEL} = 'debug';
my $nginx = nginx(
    errors => ['rust_page_cache'],
    http   => <<'CONF',
    log_format all '$request_uri $rust_page_cache_status $rust_page_cache_reason '
                   '$rust_page_cache_key $rust_page_cache_store';
    access_log access.log all;
CONF
    server => <<"CONF",
    location /right {
        rust_page_cache redis://:s3cr%3At%2Fp%40ss\@$address key=raw;
    }
    location /user {
        rust_page_cache redis://page-cache:us3r%25pw\@$address key=raw;
    }
    location /wrong {
        rust_page_cache redis://:wr0ng-s3cret\@$address/1 key=raw;
    }
    location /wrong-user {
        rust_page_cache redis://page-cache-user:wr0ng-s3cret\@$address/2 key=raw;
    }
    location /down {
        rust_page_cache redis://page-cache-user:wr0ng-s3cret\@127.0.0.1:$closed key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

is $nginx->get('/right')->cache, 'HIT', 'the right password';
is $nginx->get('/user')->cache, 'MISS absent', 'the right user';
is $nginx->get('/wrong')->cache, 'ERROR auth', 'a wrong password';
like $nginx->get('/wrong-user')->cache, qr/^ERROR (?:auth|down)$/, 'a wrong user';
is $nginx->get('/down')->cache, 'ERROR connect', 'nobody there';

ok wait_until(sub { $nginx->read_file('access.log') =~ m{^/down}m }), 'the access log is written';
my %text = (
    'the error log'  => $nginx->log,
    'the access log' => $nginx->read_file('access.log'),
);
for my $where (sort keys %text) {
    for my $secret (@secrets) {
        is index($text{$where}, $secret), -1, "$where does not hold `$secret`";
    }
}
$nginx->finish;

done_testing;
